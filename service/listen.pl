# Opens the public port and becomes the program it is given, which takes the socket over as from systemd (docs/decisions/0020).
# Where this fails it hands over nothing: node binds the port itself, and says what is wrong.

# Linux's numbers: the module Socket, which has their names, takes longer to load than all of this.
my ($AF_INET6, $SOCK_STREAM, $SOL_SOCKET, $SO_REUSEADDR, $IPPROTO_IPV6, $IPV6_V6ONLY) = (10, 1, 1, 2, 41, 26);

# The first descriptor that is handed over, and the last that exec leaves open.
$^F = 3;
my $socket;

# The port as src/config.ts reads it, on every interface.
sub listens {
    my $port = length $ENV{PORT} ? $ENV{PORT} : 3000;
    return !length $ENV{LISTEN_HOST}
        && $port =~ /^\d{1,5}$/
        && $port <= 65535
        && socket($socket, $AF_INET6, $SOCK_STREAM, 0)
        && fileno($socket) == $^F
        # A container that starts again finds the connections of the one before in its network.
        && setsockopt($socket, $SOL_SOCKET, $SO_REUSEADDR, 1)
        && setsockopt($socket, $IPPROTO_IPV6, $IPV6_V6ONLY, 0)
        && bind($socket, pack 'S n x24', $AF_INET6, $port)
        && listen($socket, 511);
}

if (listens()) {
    @ENV{'LISTEN_FDS', 'LISTEN_PID'} = (1, $$);
} elsif ($socket) {
    close $socket;
}
exec { $ARGV[0] } @ARGV;
warn "$ARGV[0]: $!\n";
exit 127;
