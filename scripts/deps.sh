#!/bin/sh
# Installs what the tests drive, from Debian's packages and npm: a real ZooKeeper
# and STOMP clients that this project did not write. What is there is left alone.
set -eu
cd "$(dirname "$0")/.."

missing=
need() { # need FILE PACKAGE
	[ -e "$1" ] || missing="$missing $2"
}
need /usr/share/java/zookeeper.jar zookeeper
need /usr/lib/python3/dist-packages/stomp python3-stomp
need /usr/share/perl5/Net/Stomp.pm libnet-stomp-perl
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v ip >/dev/null 2>&1 || missing="$missing iproute2"
# The race detector needs a C compiler; the binary itself is built without one.
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"

if [ -n "$missing" ]; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "installing:$missing"
	$sudo apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if [ -f test/clients/node/package.json ] && [ ! -d test/clients/node/node_modules ]; then
	(cd test/clients/node && npm ci --silent --no-audit --no-fund)
fi
