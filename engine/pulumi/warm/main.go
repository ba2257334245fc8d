// Command pulumi-warm runs Pulumi CLI commands one after another in one process.
//
// A stock CLI pays its package initialisation and the derivation of the passphrase key anew for every
// command; this process pays them once. It reads requests from stdin, which must be a Unix stream
// socket, because each command brings the write ends of its own stdout and stderr along (SCM_RIGHTS).
// Replies are JSON lines on another descriptor. See protocol.go for both.
//
// When stdin ends, the owner is gone: the running command is cancelled as by Ctrl-C, which releases
// the stack's lock, and the process ends. So it does at SIGTERM. A command that does not end within
// the graces that the flags give it dies with the process; a second SIGTERM leaves it none.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
)

// gcPercent trades memory for time. One cycle allocates some 60 MB of short-lived garbage, so at the
// default of 100 the collector runs about ten times a cycle; a live heap of 60 MB may well triple.
const gcPercent = 400

func main() {
	cli := flag.String("cli", "", "the stock CLI, for the commands that this process does not serve")
	repliesFd := flag.Int("replies", 3, "the descriptor for replies")
	cancelGrace := flag.Duration("cancel-grace", 60*time.Second,
		"what a cancelled command gets to end when the owner is gone, or at SIGTERM")
	terminateGrace := flag.Duration("terminate-grace", 10*time.Second,
		"what it gets after that, when it is told to end at once")
	flag.Parse()

	debug.SetGCPercent(gcPercent)
	// Storage drivers log through this package, which would reach the output of a command.
	log.SetOutput(io.Discard)

	if err := serve(*cli, *repliesFd, graces{*cancelGrace, *terminateGrace}); err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-warm:", err)
		exit(1)
	}
	exit(0)
}

func serve(cli string, repliesFd int, graces graces) error {
	out, err := openReplies(repliesFd)
	if err != nil {
		return err
	}
	requests, err := openRequests()
	if err != nil {
		return err
	}
	stdio, err := detachStdio()
	if err != nil {
		return err
	}

	spawner := newSpawner()
	companions := newCompanions(spawner)
	host, err := newProgramHost(companions)
	if err != nil {
		return err
	}
	interrupts := newInterrupts()
	shutdown := newShutdown(graces, interrupts)
	dynamic, err := newDynamicProviders()
	if err != nil {
		return err
	}
	server := &server{cli: cli, stdio: stdio, interrupts: interrupts, spawner: spawner,
		companions: companions, host: host, dynamic: dynamic, databases: watchDatabases()}

	if err := out.send(reply{Version: version.Version}); err != nil {
		return err
	}
	incoming := requests.receive(interrupts, shutdown)
	for {
		select {
		case <-shutdown.begun:
			return nil
		case request := <-incoming:
			if err := out.send(server.answer(request)); err != nil {
				return nil //nolint:nilerr // Nobody reads replies any more: the owner is gone.
			}
		}
	}
}

// server carries out requests, one at a time.
type server struct {
	cli        string
	stdio      *stdio
	interrupts *interrupts
	spawner    spawner
	companions *companions
	host       *programHost
	dynamic    *dynamicProviders
	databases  *databases
	keys       keys
}

func (s *server) answer(r request) reply {
	code, err := s.run(r)
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{Code: &code}
}

// run executes one command with its own output, environment and working directory.
func (s *server) run(r request) (int, error) {
	if err := s.stdio.attach(r.files); err != nil {
		return 0, err
	}
	defer s.stdio.detach()

	if err := replaceEnvironment(r.Env); err != nil {
		return 0, err
	}
	if err := os.Chdir(r.Cwd); err != nil {
		return 0, err
	}
	syscall.Umask(r.Umask)

	s.interrupts.begin(r.ID)
	defer s.interrupts.end()

	resetGlobals()
	s.keys.attach(r)
	command, served := newCommand(r.Args)
	if !served {
		return s.runCold(r)
	}
	s.attachCompanions(r)
	defer s.dynamic.end()
	defer s.databases.close()
	return execute(command), nil
}

// attachCompanions points the command to its program host and providers. What does not start is left
// to the CLI: it starts a plugin of its own, or explains best why that fails.
func (s *server) attachCompanions(r request) {
	attached := []string{}
	if given := r.Env["PULUMI_DEBUG_PROVIDERS"]; given != "" {
		attached = append(attached, given)
	}
	for name, executable := range r.Providers {
		provider := process{argv: []string{executable}, env: r.CompanionEnv}
		if companion, err := s.companions.start("provider "+name, provider); err == nil {
			attached = append(attached, name+":"+companion.first)
		}
	}
	if len(attached) > 0 {
		os.Setenv("PULUMI_DEBUG_PROVIDERS", strings.Join(attached, ","))
	}
	if len(r.Host) > 0 && s.host.prepare(process{argv: r.Host, env: r.CompanionEnv}, r) == nil {
		os.Setenv("PULUMI_DEBUG_LANGUAGES", "python:"+s.host.port)
		// Plugins inherit it; the program gets the command's own environment.
		os.Setenv("PULUMI_WARM_PROVIDERS", s.dynamic.address)
		s.dynamic.begin(s.host.zygote, s.host.about.Executable, mayRunProgram(r))
	}
}
