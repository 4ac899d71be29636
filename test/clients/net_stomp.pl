#!/usr/bin/perl
# Drives Net::Stomp; see README.md for arguments and output.
use strict;
use warnings;
use JSON::PP;
use Net::Stomp;
use Time::HiRes qw(sleep time);

$| = 1;
$SIG{PIPE} = 'IGNORE';
my $patience = 60;
my $json     = JSON::PP->new->canonical;

sub say_event { my ($event, %f) = @_; print $json->encode({ event => $event, %f }), "\n"; }

my ($mode, $brokers, $dest, $count, $name, $pause) = @ARGV;
$pause = ($pause || 0) / 1000;
my %headers = %{ $json->decode($ENV{STOMP_HEADERS} || '{}') };
my @hosts = map { my ($h, $p) = /^(.*):(\d+)$/; { hostname => $h, port => $p } } split /,/, $brokers;

package Quiet { sub new { bless {}, shift } sub AUTOLOAD { our $AUTOLOAD; die "$_[1]\n" if $AUTOLOAD =~ /(?:confess|croak|die|fatal)$/ } }

# session connects to whichever broker answers.
sub session {
	my $end = time + $patience;
	while (time < $end) {
		for my $h (@hosts) {
			my $s = eval {
				my $s = Net::Stomp->new({ %$h, timeout => 2, initial_reconnect_attempts => 1, reconnect_attempts => 1,
					connect_delay => 0, logger => Quiet->new });
				my $f = $s->connect({ login => '', passcode => '' });
				die "no CONNECTED\n" unless $f && $f->command eq 'CONNECTED';
				$s;
			};
			if ($s) {
				say_event('connected', broker => "$h->{hostname}:$h->{port}");
				return $s;
			}
		}
		sleep 0.05;
	}
	die "no broker answers\n";
}

# forever runs work on one connection after the other until it succeeds.
sub forever {
	my ($work) = @_;
	while (1) {
		my $s = session();
		if (eval { $work->($s); 1 }) {
			eval { $s->disconnect };
			return;
		}
		my $reason = $@ || 'unknown';
		chomp $reason;
		die "$reason\n" if $reason =~ /^nothing happens/;
		say_event('lost', reason => $reason);
		eval { $s->socket->close };
	}
}

sub frame_or_die {
	my ($s) = @_;
	my $f = $s->receive_frame({ timeout => 5 }) or die "no frame came\n";
	die 'ERROR ' . ($f->headers->{message} // '') . "\n" if $f->command eq 'ERROR';
	return $f;
}

my %modes = (
	send => sub {
		my $i = 0;
		forever(sub {
			my ($s) = @_;
			for (; $i < $count; $i++) {
				my $key = "$name-$i";
				$s->send_with_receipt({ destination => $dest, body => $key, persistent => 'true', timeout => 3, %headers })
					or die "no receipt\n";
				say_event('confirmed', key => $key);
				sleep $pause if $pause;
			}
		});
	},
	receive => sub {
		my (%seen, $last);
		$last = time;
		forever(sub {
			my ($s) = @_;
			$s->subscribe({ destination => $dest, ack => 'client', 'activemq.prefetchSize' => 10, %headers });
			while (keys %seen < $count) {
				die "nothing happens\n" if time > $last + $patience;
				my $f = frame_or_die($s);
				$last = time;
				my $again = ($f->headers->{redelivered} // '') eq 'true' ? JSON::PP::true : JSON::PP::false;
				say_event('received', key => $f->body, redelivered => $again);
				$s->ack({ frame => $f });
				say_event('acked', key => $f->body);
				$seen{ $f->body } = 1;
			}
		});
	},
	tx => sub {
		my $s = session();
		for my $kind ('a', 'c') {
			my $tx   = "$name-$kind";
			my @keys = map {"$name-$kind-$_"} 0 .. $count - 1;
			my %h    = (transaction => $tx);
			$s->send_frame(Net::Stomp::Frame->new({ command => 'BEGIN', headers => {%h} }));
			$s->send({ destination => $dest, body => $_, persistent => 'true', %h }) for @keys;
			$s->send_frame(Net::Stomp::Frame->new(
				{ command => $kind eq 'c' ? 'COMMIT' : 'ABORT', headers => { %h, receipt => $tx } }));
			my $f = frame_or_die($s);
			die "no receipt\n" unless $f->command eq 'RECEIPT' && $f->headers->{'receipt-id'} eq $tx;
			say_event($kind eq 'c' ? 'committed' : 'aborted', keys => \@keys);
		}
		$s->disconnect;
	},
);

my $run = $modes{ $mode // '' };
if ($run && eval { $run->(); 1 }) {
	say_event('done');
	exit 0;
}
my $reason = $run ? $@ : 'unknown mode';
chomp $reason;
say_event('failed', reason => $reason);
exit 1;
