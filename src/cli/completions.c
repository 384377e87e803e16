/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * completions.c - `ktstr completions SHELL`. The scripts ask ktstr itself at the moment of the tab, by
 * --help and list: so they know neither more nor less than the ktstr that is there.
 */
#include <string.h>

#include "cli/cli.h"

static const char help_text[] =
	"usage: ktstr completions bash|zsh|fish\n\n"
	"Prints what makes the shell complete commands, options and scenarios by the tab key:\n\n"
	"  bash    source <(ktstr completions bash)       (in ~/.bashrc)\n"
	"  zsh     source <(ktstr completions zsh)        (in ~/.zshrc, after compinit)\n"
	"  fish    ktstr completions fish | source        (in ~/.config/fish/config.fish)\n";

#define WORDS                                                                                        \
	"# the words at the beginnings of lines that are set in\n"                                     \
	"_ktstr_words() { ktstr \"$@\" 2>/dev/null | sed -n 's/^  \\([a-z][a-z0-9_-]*\\) .*/\\1/p'; }\n" \
	"_ktstr_options() { ktstr \"$@\" --help 2>/dev/null | grep -oE -e '--[a-z][a-z-]*' | sort -u; }\n"

static const char bash_text[] =
	WORDS
	"_ktstr()\n"
	"{\n"
	"	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} sub=${COMP_WORDS[2]} words=\n"
	"\n"
	"	if [ \"$COMP_CWORD\" = 1 ]; then\n"
	"		words=$(_ktstr_words --help)\n"
	"	else\n"
	"		case $command:$COMP_CWORD:$word in\n"
	"		ctprof:2:*|kernel:2:*|stats:2:*|template:2:*)\n"
	"			words=$(_ktstr_words \"$command\" --help) ;;\n"
	"		ctprof:*:-*|kernel:*:-*) words=$(_ktstr_options \"$command\" \"$sub\") ;;\n"
	"		stats:*:-*) [ \"$sub\" = compare ] || sub=; words=$(_ktstr_options stats $sub) ;;\n"
	"		help:2:*) words=$(_ktstr_words --help) ;;\n"
	"		*:-*) words=$(_ktstr_options \"$command\") ;;\n"
	"		run:*) words=$(_ktstr_words list) ;;\n"
	"		esac\n"
	"	fi\n"
	"	COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	"}\n"
	"complete -o bashdefault -o default -F _ktstr ktstr\n";

static const char zsh_text[] = "autoload -U +X bashcompinit && bashcompinit\n";

static const char fish_text[] =
	"function __ktstr_words\n"
	"	ktstr $argv 2>/dev/null | string replace -rf '^  ([a-z][a-z0-9_-]*) +(.*)' '$1\\t$2'\n"
	"end\n"
	"function __ktstr_options\n"
	"	set -l words (commandline -opc)\n"
	"	ktstr $words[2] --help 2>/dev/null | string match -ra -- '--[a-z][a-z-]*' | sort -u\n"
	"end\n"
	"complete -c ktstr -n __fish_use_subcommand -f -a '(__ktstr_words --help)'\n"
	"complete -c ktstr -n 'not __fish_use_subcommand' -a '(__ktstr_options)'\n"
	"complete -c ktstr -n '__fish_seen_subcommand_from run' -f -a '(__ktstr_words list)'\n"
	"for command in ctprof kernel stats template\n"
	"	complete -c ktstr -n \"__fish_seen_subcommand_from $command\" -a \"(__ktstr_words $command --help)\"\n"
	"end\n";

int cli_completions(int argc, char **argv)
{
	const char *shell = argc == 2 ? argv[1] : "";

	if (strcmp(shell, "--help") == 0 || strcmp(shell, "-h") == 0)
		return cli_help(help_text);
	if (strcmp(shell, "bash") == 0)
		return cli_help(bash_text);
	if (strcmp(shell, "fish") == 0)
		return cli_help(fish_text);
	if (strcmp(shell, "zsh") != 0)
		return cli_usage("completions", "of which shell? bash, zsh or fish");
	return cli_help(zsh_text) ?: cli_help(bash_text);
}
