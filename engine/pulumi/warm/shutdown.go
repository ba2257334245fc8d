package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// graces are what a command gets to end by itself once the process is to end.
type graces struct {
	// cancel follows the first interrupt: as long as the CLI's own users wait with the second Ctrl-C,
	// for the steps that are under way.
	cancel time.Duration
	// terminate follows the second.
	terminate time.Duration
}

// shutdown is the end of this process, from the death of its owner or the first SIGTERM on.
type shutdown struct {
	graces     graces
	interrupts *interrupts
	once       sync.Once
	// begun is closed when no more requests are to be taken.
	begun chan struct{}
}

func newShutdown(graces graces, interrupts *interrupts) *shutdown {
	s := &shutdown{graces: graces, interrupts: interrupts, begun: make(chan struct{})}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go s.listen(signals)
	return s
}

// listen passes signals on. SIGTERM means the end for the process as well, the second one at once.
func (s *shutdown) listen(signals <-chan os.Signal) {
	terminated := false
	for received := range signals {
		if received == syscall.SIGTERM {
			if terminated {
				exit(1)
			}
			terminated = true
			s.begin()
		}
		s.interrupts.note()
	}
}

func (s *shutdown) ownerGone() {
	s.begin()
	s.interrupts.interruptRunning()
}

// begin bounds what the process still does. It may be called again, without effect.
func (s *shutdown) begin() {
	s.once.Do(func() {
		close(s.begun)
		s.interrupts.interruptLater()
		go s.enforce()
	})
}

// enforce ends the process when its time is over. It neither asks whether a command runs nor waits for
// one, so nothing that a command may do or lock up can keep it from that.
func (s *shutdown) enforce() {
	time.Sleep(s.graces.cancel)
	s.interrupts.interruptRunning()
	time.Sleep(s.graces.terminate)
	exit(1)
}
