package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "unsafe" // For go:linkname.

	"github.com/pulumi/pulumi/pkg/v3/secrets"
)

// keptPassphrases bounds the passphrases whose keys are kept.
const keptPassphrases = 8

// Secrets managers by salt, whatever the passphrase was that opened them.
//
//go:linkname passphraseManagers github.com/pulumi/pulumi/pkg/v3/secrets/passphrase.cache
var passphraseManagers map[string]secrets.Manager

// keys are what passphrases have opened, in the order of their last use. To derive a key takes 0.2 s,
// so it is worth keeping, but only for who knows the passphrase.
type keys []opened

type opened struct {
	passphrase [sha256.Size]byte
	managers   map[string]secrets.Manager
}

// attach has the command find what its own passphrase has opened, and nothing else.
func (k *keys) attach(r request) {
	passphrase, known := currentPassphrase()
	// The command that changes it opens a stack with the new passphrase, which is not the environment's.
	if !known || slices.Contains(r.Args, "change-secrets-provider") {
		passphraseManagers = nil
		return
	}
	found := opened{passphrase, map[string]secrets.Manager{}}
	i := slices.IndexFunc(*k, func(each opened) bool { return each.passphrase == passphrase })
	switch {
	case i >= 0:
		found = (*k)[i]
		*k = slices.Delete(*k, i, i+1)
	case len(*k) == keptPassphrases:
		*k = slices.Delete(*k, 0, 1)
	}
	*k = append(*k, found)
	passphraseManagers = found.managers
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
