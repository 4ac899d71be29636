package config

import (
	"fmt"
	"strings"
	"time"
)

// policyText is an attribute of individualDeadLetterStrategy.
func policyText(name, def string, field func(*Policy) *string, doc string) Key {
	k := Key{Name: name, XML: []string{pathIndividual + "@" + name}, Type: "text", Default: def, Doc: doc,
		set: text(func(t *target) *string { return field(t.policy) })}
	if def == "" {
		k.Without = "nothing"
	}
	return onPolicy(k)
}

func policySize(name, def string, lo int64, field func(*Policy) *int64, doc string) Key {
	return onPolicy(Key{Name: name, Type: "size", Default: def, Doc: doc,
		set: size(func(t *target) *int64 { return field(t.policy) }, lo, tib)})
}

// inverted is for an attribute that means the opposite of the field.
func inverted(field func(*Policy) *bool) setter {
	return func(t *target, s string) (string, error) {
		b, err := parseBool(s)
		if err != nil {
			return "", err
		}
		*field(t.policy) = !b
		return "", nil
	}
}

// says notes that the present element set one more attribute than its own.
func (t *target) says(name string) { t.policy.Said[name] = t.line }

func setDeadLetterStrategy(t *target, element string) (string, error) {
	t.policy.DeadLetter.Kind = strings.TrimSuffix(element, "DeadLetterStrategy")
	return "", nil
}

func setDeadLetterQueue(t *target, s string) (string, error) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "queue://")
	if s == "" || strings.HasPrefix(s, "topic://") {
		return "", fmt.Errorf("%q is not a queue", s)
	}
	t.policy.DeadLetter.Queue = s
	return "", nil
}

func setOverflow(t *target, s string) (string, error) {
	for _, w := range []string{"reject", "dropOldest"} {
		if strings.EqualFold(strings.TrimSpace(s), w) {
			t.policy.Overflow = w
			return "", nil
		}
	}
	return "", fmt.Errorf("%q is not one of reject, dropOldest", s)
}

// setRecovery takes the policy, and ActiveMQ's default for how much it keeps.
func setRecovery(t *target, element string) (string, error) {
	t.policy.Recovery = element
	switch element {
	case recoverCount:
		t.policy.RecoverySize = 100
		t.says("recoverySize")
	case recoverBytes:
		t.policy.RecoverySize = 64 * kib
		t.says("recoverySize")
	case recoverTimed:
		t.policy.RecoveryTime = time.Minute
		t.says("recoverDuration")
	}
	return "", nil
}

func setSlowConsumerStrategy(t *target, element string) (string, error) {
	t.policy.Slow.Abort = true
	if element == "abortSlowAckConsumerStrategy" {
		t.policy.Slow.MaxSinceAck = 30 * time.Second
		t.says("maxTimeSinceLastAck")
	}
	return "", nil
}

// setPendingRate takes the element as well, for ActiveMQ's default.
func setPendingRate(t *target, s string) (string, error) {
	if s == "prefetchRatePendingMessageLimitStrategy" {
		s = "0.5"
	}
	return factor(func(t *target) *float64 { return &t.policy.PendingRate }, 0, 1e6)(t, s)
}
