package main

import (
	"encoding/csv"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// firstPositional returns the first argument that is neither a flag nor the value of one.
func firstPositional(flags *pflag.FlagSet, args []string) string {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--":
			return ""
		case !strings.HasPrefix(arg, "-"):
			return arg
		case takesNext(flags, arg):
			i++
		}
	}
	return ""
}

// takesNext tells whether the value of the flag is the argument after it.
func takesNext(flags *pflag.FlagSet, arg string) bool {
	if strings.Contains(arg, "=") {
		return false
	}
	var flag *pflag.Flag
	if name, long := strings.CutPrefix(arg, "--"); long {
		flag = flags.Lookup(name)
	} else if len(arg) == 2 {
		flag = flags.ShorthandLookup(arg[1:])
	}
	return flag != nil && flag.NoOptDefVal == ""
}

// asksForDiagnostics may also see such a flag where it is really a value: then the stock CLI gives
// the same answer, only later.
func asksForDiagnostics(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if strings.HasPrefix(arg, "-v") {
			return true
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		for _, flag := range diagnostic {
			if strings.HasPrefix(arg, "--") && name == flag {
				return true
			}
		}
	}
	return false
}

// showsDebug tells whether debug messages of a program can be seen anywhere. The SDK sends some twenty
// of them with every run, and waits for each to arrive.
func showsDebug(r request) bool {
	shown := func(arg string) bool {
		for _, flag := range []string{"-d", "--debug", "--event-log", "-j", "--json"} {
			if strings.HasPrefix(arg, flag) {
				return true
			}
		}
		return false
	}
	option := func(name string) bool { return strings.HasPrefix(name, optionPrefix) }
	return slices.ContainsFunc(r.Args, shown) || slices.ContainsFunc(slices.Collect(maps.Keys(r.Env)), option)
}

// optionPrefix is that of the variables that preset flags.
const optionPrefix = "PULUMI_OPTION_"

// applyOptionVariables presets every flag of the tree from PULUMI_OPTION_<FLAG>, as the CLI does.
func applyOptionVariables(command *cobra.Command) {
	preset := func(flag *pflag.Flag) {
		name := optionPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if value, ok := os.LookupEnv(name); ok && !flag.Changed {
			presetFlag(flag, value)
		}
	}
	command.PersistentFlags().VisitAll(preset)
	command.Flags().VisitAll(preset)
	for _, child := range command.Commands() {
		applyOptionVariables(child)
	}
}

// presetFlag ignores values that do not fit, except that the flag then still counts as given.
func presetFlag(flag *pflag.Flag, value string) {
	values := []string{value}
	switch flag.Value.Type() {
	case "bool":
		values = truth(value)
	case "stringArray", "stringSlice":
		values = commaSeparated(value)
	}
	for _, v := range values {
		_ = flag.Value.Set(v)
	}
	flag.Changed = true
}

func truth(value string) []string {
	switch strings.ToLower(value) {
	case "true", "1":
		return []string{"true"}
	case "false", "0":
		return []string{"false"}
	default:
		return nil
	}
}

func commaSeparated(value string) []string {
	if value == "" {
		return nil
	}
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return []string{value}
	}
	return fields
}
