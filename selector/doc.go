// Package selector decides which messages a consumer wants: JMS message
// selectors, the subset of SQL-92's conditional expressions that
// [JMS 1.1 §3.8.1.1] describes, as ActiveMQ reads it.
//
//	condition  = term { OR term }
//	term       = factor { AND factor }
//	factor     = NOT factor | equality
//	equality   = comparison { ( "=" | "<>" ) comparison | IS [ NOT ] NULL }
//	comparison = sum { ( ">" | ">=" | "<" | "<=" ) sum
//	           | [ NOT ] BETWEEN sum AND sum
//	           | [ NOT ] IN "(" string { "," string } ")"
//	           | [ NOT ] LIKE string [ ESCAPE string ] }
//	sum        = product { ( "+" | "-" ) product }
//	product    = unary { ( "*" | "/" | "%" ) unary }
//	unary      = ( "+" | "-" | NOT ) unary | primary
//	primary    = literal | identifier | function | "(" condition ")"
//	function   = INLIST | MAKELIST | REGEX | REPLACE | SPLIT, with arguments
//
// Keywords have any case, identifiers are case-sensitive Java identifiers, and
// a dot may stand inside one ("order.region"), as AMQP clients write them.
// Comments are "-- to the end of the line" and "/* */". Literals are strings
// ('it”s'), integers (57, 57L, 0x1F, octal 017), approximate numbers (7., .5,
// 6.2, 7E3), TRUE, FALSE and NULL. A text that starts with
// "convert_string_expressions:" takes a string property for the number or
// boolean that it spells wherever it meets one; STOMP's door puts that before
// its selectors, because all of STOMP's properties are strings.
// "no_convert_string_expressions:" after it takes that back.
//
// Logic is three-valued: a condition is true, false or unknown, unset
// properties make it unknown, and a message matches only what is true.
//
// # Where ActiveMQ and JMS differ
//
// ActiveMQ's answer is given, because the selectors that arrive here were
// written against it:
//
//	case                              JMS        here, as in ActiveMQ
//	'a' = 5, strings and numbers      false      false, so <> and NOT make it true
//	5 = unset                         unknown    false; unset = 5 is unknown
//	unset = unset                     unknown    true
//	x > y, two strings or booleans    illegal    compared; a literal there is an error
//	'a' + x                           illegal    concatenation
//	7 / 2, 7 % 2                      3, 1       3.5, 1.0: always a double
//	5L                                a long     an int where it fits in 32 bits
//	x LIKE, x is no string            unknown    false, so NOT LIKE is true
//	x IN, x is no string              unknown    unknown, NOT IN too
//	x as a condition, x no boolean    unknown    false
//	'a' NOT BETWEEN 1 AND 5           unknown    false, because it is neither less nor greater
//	ESCAPE before other than % and _  undefined  no escape, it has its usual meaning
//
// Where ActiveMQ throws while it evaluates, or answers by the Java class that
// holds a number, the value counts instead: numbers of all widths compare with
// each other, "5.5" spells a number greater than 5, and arithmetic with what
// is no number is unknown. Dividing by zero is unknown. NaN equals nothing.
// int and long wrap around at 32 and 64 bits, as in Java.
//
// One rule is that of JMS: NOT binds weaker than comparisons, so NOT a = 1 is
// NOT (a = 1). ActiveMQ reads (NOT a) = 1, which no number matches.
//
// # Bounds
//
// A text has at most 16 KiB and 200 levels of nesting. LIKE takes time
// proportional to pattern times value at worst, with at most 32 underscores
// between two percent signs and 256 of them in a text. Regular expressions are
// literals and Go's (linear time, no back references); strings that a selector
// builds or hands to a function are unknown beyond 16 KiB. XPATH and XQUERY are
// refused: a selector reads headers and properties, not bodies.
package selector
