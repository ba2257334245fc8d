package main

import (
	"os"
	"strings"
	_ "unsafe" // For go:linkname.

	pkgWorkspace "github.com/pulumi/pulumi/pkg/v3/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
)

// The CLI's packages keep some state for the life of a process, because there a process is a command.
// The names below, and the one in keys.go, are what an audit of all their package-level variables left
// over; everything else is constant, bound to a flag (and so reset by newRoot), or read from the
// environment when needed.

// Where errors are reported. It keeps the colours that it is opened with.
//
//go:linkname diagSink github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil.snk
var diagSink diag.Sink

// Which stack is selected, per directory; another process may select a different one.
//
//go:linkname workspaces github.com/pulumi/pulumi/pkg/v3/workspace.cache
var workspaces map[string]pkgWorkspace.W

// Secrets to keep out of logs: grows with every command, and every log line is matched against it.
//
//go:linkname secretsSeen github.com/pulumi/pulumi/sdk/v3/go/common/util/logging.secretsSeen
var secretsSeen map[string]struct{}

//go:linkname secretsPairs github.com/pulumi/pulumi/sdk/v3/go/common/util/logging.secretsPairs
var secretsPairs []string

//go:linkname secretsReplacer github.com/pulumi/pulumi/sdk/v3/go/common/util/logging.secretsReplacer
var secretsReplacer *strings.Replacer

func resetGlobals() {
	_ = cmdutil.SetGlobalColorization("auto")
	// Building its whole tree, the CLI opens the sink before it looks at --color.
	diagSink = nil
	cmdutil.Diag()
	workspaces = map[string]pkgWorkspace.W{}
	secretsSeen, secretsPairs, secretsReplacer = nil, nil, nil
}

func replaceEnvironment(variables map[string]string) error {
	os.Clearenv()
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}
