package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	_ "unsafe" // For go:linkname.

	"github.com/pulumi/pulumi/pkg/v3/secrets"
	pkgWorkspace "github.com/pulumi/pulumi/pkg/v3/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
)

// The CLI's packages keep some state for the life of a process, because there a process is a command.
// The names below are what an audit of all their package-level variables left over; everything else
// is constant, bound to a flag (and so reset by newRoot), or read from the environment when needed.

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

// Secrets managers by salt, whatever the passphrase was that opened them.
//
//go:linkname passphraseManagers github.com/pulumi/pulumi/pkg/v3/secrets/passphrase.cache
var passphraseManagers map[string]secrets.Manager

// passphrase identifies the one that opened passphraseManagers.
var passphrase [sha256.Size]byte

func resetGlobals() {
	_ = cmdutil.SetGlobalColorization("auto")
	// Building its whole tree, the CLI opens the sink before it looks at --color.
	diagSink = nil
	cmdutil.Diag()
	workspaces = map[string]pkgWorkspace.W{}
	secretsSeen, secretsPairs, secretsReplacer = nil, nil, nil

	// Deriving a key takes 0.2 s, so it is worth keeping, but only for who knows the passphrase.
	if now, known := currentPassphrase(); !known || now != passphrase {
		passphrase, passphraseManagers = now, nil
	}
}

// currentPassphrase identifies the passphrase that the environment gives. It is not known where the
// CLI would have to look at a path from a directory that its own flags may yet change.
func currentPassphrase() (id [sha256.Size]byte, known bool) {
	if phrase, ok := os.LookupEnv("PULUMI_CONFIG_PASSPHRASE"); ok {
		return sha256.Sum256([]byte(phrase)), true
	}
	file := os.Getenv("PULUMI_CONFIG_PASSPHRASE_FILE")
	if !filepath.IsAbs(file) {
		return id, false
	}
	phrase, err := os.ReadFile(file)
	if err != nil {
		return id, false
	}
	return sha256.Sum256([]byte(strings.TrimSpace(string(phrase)))), true
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
