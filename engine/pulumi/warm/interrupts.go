package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/pkg/v3/engine"
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
	// early is the id of a command that was interrupted before it began.
	early int
	// ending tells that every command that begins is to be cancelled.
	ending bool
	// raised tells that a signal of our own has not arrived yet.
	raised bool
	// releases end what the operations of a command leave to the end of the process: their plugins
	// with all connections and servers, which the CLI closes only when an operation is terminated.
	releases []context.CancelFunc
	arrived  *sync.Cond
}

func newInterrupts() *interrupts {
	i := &interrupts{}
	i.arrived = sync.NewCond(&i.mu)
	// Nobody listens here: a reader that went away makes writes fail, not the process. To ignore the
	// signals would do as well, were it not inherited by plugins.
	deaf := make(chan os.Signal, 1)
	signal.Notify(deaf, syscall.SIGPIPE)
	if !signal.Ignored(syscall.SIGHUP) { // Under nohup, programs ignore it too.
		signal.Notify(deaf, syscall.SIGHUP)
	}
	backend.CancellationScopes = scopeSource{backend.CancellationScopes, i}
	return i
}

// note takes in a signal that has arrived, which the scopes that are open have heard themselves.
func (i *interrupts) note() {
	i.mu.Lock()
	defer i.mu.Unlock()
	ours := i.raised
	i.raised = false
	i.arrived.Broadcast()
	if !ours && i.running != 0 && i.scopes == 0 {
		i.deliver()
	}
}

func (i *interrupts) begin(id int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running, i.pending = id, i.ending || i.early == id
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
}

// setCold names the process of the stock CLI that runs in place of a command of our own.
func (i *interrupts) setCold(process *os.Process) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cold = process
	if i.pending {
		i.deliver()
	}
}

// interrupt cancels the command unless it has ended. One that has not begun is cancelled then.
func (i *interrupts) interrupt(id int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == id {
		i.deliver()
	} else {
		i.early = id
	}
}

// interruptRunning cancels the command that runs, whichever it is.
func (i *interrupts) interruptRunning() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running != 0 {
		i.deliver()
	}
}

// interruptLater cancels every command that begins from now on.
func (i *interrupts) interruptLater() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ending = true
}

// deliver hands an interrupt to whoever listens, now or later. The caller holds the lock.
func (i *interrupts) deliver() {
	switch {
	case i.cold != nil:
		_ = i.cold.Signal(os.Interrupt)
	case i.scopes > 0: // The CLI's own scopes listen to the signal.
		i.raised = true
		_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
	default:
		i.pending = true
	}
}

// scopeSource opens the CLI's own cancellation scopes and keeps count of them.
type scopeSource struct {
	inner      backend.CancellationScopeSource
	interrupts *interrupts
}

func (s scopeSource) NewScope(
	ctx context.Context, events chan<- engine.Event, isPreview bool,
) backend.CancellationScope {
	i := s.interrupts
	i.mu.Lock() // Opening and counting are one: an interrupt finds the scope, or stays pending.
	defer i.mu.Unlock()
	ctx, release := context.WithCancel(ctx)
	scope := s.inner.NewScope(ctx, events, isPreview)
	i.scopes++
	i.releases = append(i.releases, release)
	if i.pending {
		i.pending = false
		i.deliver()
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
