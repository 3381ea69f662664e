# Makes the system calls of a list, each in a process of its own, and prints what came of each.
#
# A line of the list: a word, after how many seconds to give up, a number, six arguments. With a second file, every process first puts on
# the filter whose bytes stand there under its word, as `WORD HEX`.
use strict;
use POSIX ();

my ($list, $filters) = @ARGV;
my %filter;
if ($filters) {
    open my $in, '<', $filters or die "$filters: $!";
    while (<$in>) {
        my ($word, $hex) = split;
        $filter{$word} = pack 'H*', $hex;
    }
}
my ($prctl, $seccomp) = @ENV{qw(PRCTL SECCOMP)};
$| = 1;
open my $in, '<', $list or die "$list: $!";
while (<$in>) {
    my ($word, $seconds, $number, @arguments) = split;
    @arguments = map { $_ + 0 } @arguments;
    my $child = fork;
    die "fork: $!" unless defined $child;
    if (!$child) {
        # Whatever blocks is ended, and was let through.
        alarm $seconds;
        open STDERR, '>', '/dev/null';
        if ($filters) {
            my $program = $filter{$word} // POSIX::_exit(250);
            my $described = pack 'S x6 P', length($program) / 8, $program;
            syscall($prctl, 38, 1, 0, 0, 0) == 0 or POSIX::_exit(251);
            syscall($seccomp, 1, 0, $described) == 0 or POSIX::_exit(252);
        }
        $! = 0;
        my $result = syscall($number, @arguments);
        # A call that refuses to end the process makes what follows crash.
        POSIX::_exit($result == -1 ? $! + 0 : 200);
    }
    waitpid $child, 0;
    my $signal = $? & 127;
    print $word, ' ', $signal ? "signal $signal" : 'exit ' . ($? >> 8), "\n";
}
