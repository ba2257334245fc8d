package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/pkg/v3/backend/httpstate"
	"github.com/pulumi/pulumi/pkg/v3/backend/httpstate/client"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/agentauth"
	cmdBackend "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/backend"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/cancel"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/cmd"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/config"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/operations"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/org"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/plugin"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/rattler"
	cmdStack "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/stack"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/state"
	cmdVersion "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/version"
	"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/whoami"
	pkgWorkspace "github.com/pulumi/pulumi/pkg/v3/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/agentdetect"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
)

// served are the commands that run in this process. Only the one that is asked for gets built:
// constructing the whole tree took 7 % of a cycle.
var served = map[string]func() *cobra.Command{
	"cancel":  func() *cobra.Command { return cancel.NewCancelCmd(pkgWorkspace.Instance) },
	"config":  func() *cobra.Command { return config.NewConfigCmd(pkgWorkspace.Instance) },
	"destroy": operations.NewDestroyCmd,
	"import":  operations.NewImportCmd,
	"org":     org.NewOrgCmd,
	"plugin":  plugin.NewPluginCmd,
	"preview": operations.NewPreviewCmd,
	"refresh": operations.NewRefreshCmd,
	"stack":   cmdStack.NewStackCmd,
	"state":   state.NewStateCmd,
	"up":      operations.NewUpCmd,
	"version": cmdVersion.NewVersionCmd,
	"whoami": func() *cobra.Command {
		return whoami.NewWhoAmICmd(pkgWorkspace.Instance, cmdBackend.DefaultLoginManager)
	},
}

// diagnostic names the root flags that set up tracing, profiling or log files for a process as a
// whole. Whoever asks for those wants a process to look at, so these go to the stock CLI.
var diagnostic = []string{
	"logflow", "logtostderr", "memprofilerate", "otel-traces", "profiling", "tracing", "tracing-header",
	"verbose",
}

// newCommand builds the command line that args ask for, or reports that the stock CLI has to run it.
func newCommand(args []string) (*cobra.Command, bool) {
	root := newRoot()
	construct, ok := served[firstPositional(root.PersistentFlags(), args)]
	if !ok || asksForDiagnostics(args) {
		return nil, false
	}
	root.AddCommand(construct())
	applyOptionVariables(root)
	if slices.ContainsFunc(diagnostic, func(name string) bool { return root.PersistentFlags().Changed(name) }) {
		return nil, false
	}
	rattler.Install(root)
	if mayBeMistyped(root, args) {
		return nil, false
	}
	root.SetArgs(args)
	return root, true
}

// mayBeMistyped tells whether the positionals could be an attempt at a subcommand that does not
// exist. The CLI answers that with suggestions from the whole tree, which is not built here.
func mayBeMistyped(root *cobra.Command, args []string) bool {
	target, rest, err := root.Find(args)
	if err != nil {
		return true
	}
	return target.HasSubCommands() && firstPositional(target.Flags(), rest) != ""
}

// newRoot declares the root flags of the CLI. Those bound to a global also reset it to its default.
func newRoot() *cobra.Command {
	root := &cobra.Command{Use: "pulumi", SilenceErrors: true, SilenceUsage: true}
	flags := root.PersistentFlags()
	cwd := flags.StringP("cwd", "C", "", "Run pulumi as if it had been started in another directory")
	flags.BoolVarP(&cmdutil.Emoji, "emoji", "e", runtime.GOOS == "darwin", "Enable emojis in the output")
	flags.BoolVarP(&cmdutil.FullyQualifyStackNames, "fully-qualify-stack-names", "Q", false,
		"Show fully-qualified stack names")
	flags.BoolVar(&backend.DisableIntegrityChecking, "disable-integrity-checking", false,
		"Disable integrity checking of checkpoint files")
	flags.BoolVar(&cmdutil.DisableInteractive, "non-interactive", false,
		"Disable interactive mode for all commands")
	flags.String("color", "auto", "Colorize output. Choices are: always, never, raw, auto")
	declareDiagnostics(flags)

	root.PersistentPreRunE = func(command *cobra.Command, _ []string) error { return prepare(command, *cwd) }
	root.PersistentPostRun = func(command *cobra.Command, _ []string) {
		agentauth.MaybePrintClaimWarning(command.Context(), command.ErrOrStderr())
	}
	root.SetHelpFunc(help)
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// declareDiagnostics makes the flags known, for help texts; commands that set one run cold.
func declareDiagnostics(flags *pflag.FlagSet) {
	flags.Bool("logflow", false, "Flow log settings to child processes (like plugins)")
	flags.Bool("logtostderr", false, "Log to stderr instead of to files")
	flags.String("tracing", "",
		"Emit tracing to the specified endpoint. Use the `file:` scheme to write tracing data to a local file")
	flags.String("otel-traces", "", "Export OpenTelemetry traces to the specified endpoint. "+
		"Use file:// for local JSON files, grpc:// or https:// for remote collectors")
	flags.String("profiling", "",
		"Emit CPU and memory profiles and an execution trace to '[filename].[pid].{cpu,mem,trace}', respectively")
	flags.Int("memprofilerate", 0,
		"Enable more precise (and expensive) memory allocation profiles by setting runtime.MemProfileRate")
	flags.IntP("verbose", "v", 0, "Enable verbose logging (e.g., v=3); anything >3 is very verbose")
	flags.String("tracing-header", "", "Include the tracing header with the given contents.")
	if os.Getenv("PULUMI_DEBUG_COMMANDS") == "" {
		_ = flags.MarkHidden("tracing-header")
	}
}

func help(command *cobra.Command, _ []string) {
	out := command.OutOrStdout()
	header := command.Long
	if header == "" {
		header = command.Short
	}
	if header != "" {
		fmt.Fprintf(out, "%s\n\n", strings.TrimSpace(header))
	}
	fmt.Fprint(out, command.UsageString())
}

// prepare does what the CLI does between parsing flags and running the command.
func prepare(command *cobra.Command, cwd string) error {
	client.SetUserAgentCommand(strings.TrimSpace(strings.TrimPrefix(command.CommandPath(), "pulumi")))
	client.SetUserAgentAIAgent(agentdetect.Detect(os.Getenv))
	if color := command.Flag("color"); color != nil {
		if err := cmdutil.SetGlobalColorization(color.Value.String()); err != nil {
			return err
		}
	}
	if cwd != "" {
		if err := os.Chdir(cwd); err != nil {
			return err
		}
	}
	ctx := cmdutil.ContextWithProcessStartTime(command.Context(), time.Now())
	ctx = httpstate.ContextWithAgentCredentialUse(ctx)
	command.SetContext(httpstate.ContextWithCommandName(ctx, command.CommandPath()))
	return nil
}

// execute runs the command and reports a failure as the CLI would, down to the exit code.
func execute(command *cobra.Command) int {
	finished := false
	defer dieOfPanic(&finished)
	err := command.Execute()
	if err != nil {
		cmd.DisplayErrorMessage(command.Context(), err, command.ErrOrStderr())
	}
	finished = true
	if err != nil {
		return cmd.ExitCodeFor(err)
	}
	return 0
}

// dieOfPanic ends the process: what a command that panicked has left behind is anybody's guess.
func dieOfPanic(finished *bool) {
	if *finished {
		return
	}
	payload := recover()
	fmt.Fprintf(os.Stderr, "The Pulumi CLI encountered a fatal error. This is a bug!\n"+
		"Pulumi Version:   %s\nGo Version:       %s\nPanic:            %s\n\n%s\n",
		version.Version, runtime.Version(), payload, debug.Stack())
	exit(1)
}
