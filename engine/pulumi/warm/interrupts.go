package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/pkg/v3/engine"
)

const (
	// cancelGrace is what a cancelled command gets, after its owner died, to finish the steps that
	// are under way: as generous as the CLI's own users are with the second Ctrl-C.
	cancelGrace = 60 * time.Second
	// terminateGrace is what it gets after the second interrupt.
	terminateGrace = 10 * time.Second
)

// interrupts delivers SIGINT and SIGTERM to the command that runs, and to nobody when none does.
//
// The CLI listens for signals only while it applies changes. Earlier a signal would kill it, with
// the lock left behind; here it is kept until the command opens its cancellation scope.
type interrupts struct {
	mu      sync.Mutex
	running int // The id of the command, or 0.
	pending bool
	scopes  int
	cold    *os.Process
	gone    bool
	idle    chan struct{}
	// raised tells that a signal of our own has not arrived yet.
	raised bool
	// releases end what the operations of a command leave to the end of the process: their plugins
	// with all connections and servers, which the CLI closes only when an operation is terminated.
	releases []context.CancelFunc
	arrived  *sync.Cond
}

func newInterrupts() *interrupts {
	i := &interrupts{idle: make(chan struct{}, 1)}
	i.arrived = sync.NewCond(&i.mu)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for range signals {
			i.note()
		}
	}()
	// Nobody listens here: a reader that went away makes writes fail, not the process. To ignore the
	// signals would do as well, were it not inherited by plugins.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE, syscall.SIGHUP)
	backend.CancellationScopes = scopeSource{backend.CancellationScopes, i}
	return i
}

// note remembers a signal that no scope hears, and forwards it to a cold command.
func (i *interrupts) note() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.raised = false
	i.arrived.Broadcast()
	switch {
	case i.cold != nil:
		_ = i.cold.Signal(os.Interrupt)
	case i.running != 0 && i.scopes == 0:
		i.pending = true
	}
}

func (i *interrupts) begin(id int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running, i.pending = id, i.gone
}

func (i *interrupts) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for i.raised { // Or the next command would get them.
		i.arrived.Wait()
	}
	for _, release := range i.releases {
		release()
	}
	i.running, i.pending, i.cold, i.releases = 0, false, nil, nil
	select {
	case i.idle <- struct{}{}:
	default:
	}
}

// setCold names the process of the stock CLI that runs in place of a command of our own.
func (i *interrupts) setCold(process *os.Process) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cold = process
	if i.pending {
		_ = process.Signal(os.Interrupt)
	}
}

// ownerGone cancels what runs, waits for its end, and ends the process where that takes too long.
func (i *interrupts) ownerGone() {
	i.mu.Lock()
	i.gone = true
	running := i.running
	i.mu.Unlock()
	if running == 0 {
		return
	}
	for _, grace := range []time.Duration{cancelGrace, terminateGrace} {
		i.interrupt(running)
		select {
		case <-i.idle:
			return
		case <-time.After(grace):
		}
	}
	os.Exit(1)
}

// interrupt cancels the command if it still runs.
func (i *interrupts) interrupt(id int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == id {
		i.raise()
	}
}

// raise sends the signal that the CLI's own scopes listen to. The caller holds the lock.
func (i *interrupts) raise() {
	i.raised = true
	_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
}

// scopeSource opens the CLI's own cancellation scopes and keeps count of them.
type scopeSource struct {
	inner      backend.CancellationScopeSource
	interrupts *interrupts
}

func (s scopeSource) NewScope(
	ctx context.Context, events chan<- engine.Event, isPreview bool,
) backend.CancellationScope {
	ctx, release := context.WithCancel(ctx)
	scope := s.inner.NewScope(ctx, events, isPreview)
	i := s.interrupts
	i.mu.Lock()
	defer i.mu.Unlock()
	i.scopes++
	i.releases = append(i.releases, release)
	if i.pending {
		i.pending = false
		i.raise()
	}
	return countedScope{scope, i}
}

type countedScope struct {
	backend.CancellationScope
	interrupts *interrupts
}

func (s countedScope) Close() {
	s.CancellationScope.Close()
	s.interrupts.mu.Lock()
	defer s.interrupts.mu.Unlock()
	s.interrupts.scopes--
}
