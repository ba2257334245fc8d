package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// runCold hands a command that is not served here to the stock CLI, with the same output.
func (s *server) runCold(r request) (int, error) {
	command := exec.Command(s.cli, r.Args...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := s.spawner.start(command); err != nil {
		return 0, err
	}
	s.interrupts.setCold(command.Process)

	err := command.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return exitCode(command.ProcessState), nil
}

// exitCode reports death by a signal the way Python's subprocess does: as the negative number.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return state.ExitCode()
}
