# SPDX-License-Identifier: LGPL-2.1-or-later
# perl: hashes of arrays, a fork, a pipe, die.
packages="perl"
version() { perl -e 'print "perl $^V\n"'; }
prepare()
{
cat >program.pl <<'END'
use strict;
use warnings;
$| = 1;
my %table;
push @{ $table{ $_ % 101 } }, "value $_" for 1 .. 4000;
print scalar(keys %table), " ", scalar(@{ $table{7} }), "\n";
my $text = join ",", map { join "-", @{ $table{$_} } } sort { $a <=> $b } keys %table;
print length($text), " ", ($text =~ s/value (\d)/v$1/g), "\n";
my $pid = fork() // die;
if ($pid == 0) {
	my @own = map { "child $_" } 1 .. 100;
	print "child has ", scalar(@own), "\n";
	exit 4;
}
waitpid($pid, 0);
print "child ended with ", $? >> 8, "\n";
print `echo from a shell`;
die "dying as it should\n";
END
	PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
	export PERL_HASH_SEED PERL_PERTURB_KEYS
	command="perl program.pl"
}
