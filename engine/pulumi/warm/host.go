package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"engine/pulumi/zygote"
)

const hostName = "program host"

// programHost is the LanguageRuntime for Python programs, in place of pulumi-language-python. It
// runs them in children of a zygote, a process of the program's own interpreter: see warm_pulumi/host.
type programHost struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	companions *companions
	port       string

	// Of the current command.
	zygote  *companion
	about   zygoteGreeting
	env     map[string]string
	umask   int
	debug   bool
	address string
}

// zygoteGreeting is the first line of a zygote: what it is, and the plugins that are asked for by the
// Pulumi packages installed beside it.
type zygoteGreeting struct {
	Executable string `json:"executable"`
	Version    string `json:"version"`
	VirtualEnv string `json:"virtual_env"`
	Packages   []struct {
		Name, Version, Server string
		Parameterization      *struct{ Name, Version, Value string }
	} `json:"packages"`
}

func newProgramHost(companions *companions) (*programHost, error) {
	h := &programHost{companions: companions}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, h)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	h.port = strconv.Itoa(handle.Port)
	return h, nil
}

// prepare makes sure that a zygote is ready and, for a command that may run the program, that what it
// has imported is still what is installed: looking at some hundred files takes a few milliseconds.
func (h *programHost) prepare(wanted process, r request) error {
	if hasRelative(r.Env["PYTHONPATH"]) {
		return errors.New("an interpreter for this has to start in the program's folder")
	}
	for {
		zygote, err := h.companions.start(hostName, wanted)
		if err != nil {
			return err
		}
		if !mayRunProgram(r) || isCurrent(zygote) {
			h.zygote, h.env, h.umask, h.debug = zygote, r.Env, r.Umask, showsDebug(r)
			return json.Unmarshal([]byte(zygote.first), &h.about)
		}
		h.companions.stop(hostName, zygote)
	}
}

func hasRelative(paths string) bool {
	return slices.ContainsFunc(filepath.SplitList(paths), func(path string) bool {
		return !filepath.IsAbs(path)
	})
}

// mayRunProgram tells whether the command runs the program: refresh and destroy do so only when asked,
// by flag or variable.
func mayRunProgram(r request) bool {
	for _, arg := range r.Args {
		if arg == "up" || arg == "preview" || strings.HasPrefix(arg, "--run-program") {
			return true
		}
	}
	return r.Env["PULUMI_RUN_PROGRAM"] != "" || r.Env["PULUMI_OPTION_RUN_PROGRAM"] != ""
}

// isCurrent asks the zygote, by a message without descriptors. One that dies is not current either.
func isCurrent(zygote *companion) bool {
	if _, err := zygote.stdin.Write([]byte{0}); err != nil {
		return false
	}
	answer, err := zygote.readLine()
	return err == nil && answer == "current"
}

func (h *programHost) Handshake(
	_ context.Context, r *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.address = r.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *programHost) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{}, nil
}

func (h *programHost) About(
	context.Context, *pulumirpc.AboutRequest,
) (*pulumirpc.AboutResponse, error) {
	return &pulumirpc.AboutResponse{Executable: h.about.Executable, Version: h.about.Version}, nil
}

func (h *programHost) GetRequiredPackages(
	context.Context, *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	response := &pulumirpc.GetRequiredPackagesResponse{}
	for _, p := range h.about.Packages {
		dependency := &pulumirpc.PackageDependency{
			Name: p.Name, Version: p.Version, Server: p.Server, Kind: "resource",
		}
		if given := p.Parameterization; given != nil {
			dependency.Parameterization = &pulumirpc.PackageParameterization{
				Name: given.Name, Version: given.Version, Value: []byte(given.Value),
			}
		}
		response.Packages = append(response.Packages, dependency)
	}
	return response, nil
}

// Cancel need not do anything. The engine closes the resource monitor, which ends a program as under
// the stock host, and drops the Run call of one that does not care.
func (h *programHost) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// toldTheUser is the exit code of a program that has reported its failure already.
const toldTheUser = 32

func (h *programHost) Run(
	ctx context.Context, r *pulumirpc.RunRequest,
) (*pulumirpc.RunResponse, error) {
	job, err := h.job(r)
	if err != nil {
		return nil, err
	}
	code, err := runProgram(ctx, h.zygote, job, h.address)
	switch {
	case err != nil:
		return nil, err
	case code == 0:
		return &pulumirpc.RunResponse{}, nil
	case code == toldTheUser:
		return &pulumirpc.RunResponse{Bail: true}, nil
	default:
		return &pulumirpc.RunResponse{
			Error: fmt.Sprintf("program exited with non-zero exit code: %d", code),
		}, nil
	}
}

func (h *programHost) job(r *pulumirpc.RunRequest) (zygote.Job, error) {
	env := maps.Clone(h.env)
	if h.about.VirtualEnv != "" {
		delete(env, "PYTHONHOME")
		env["VIRTUAL_ENV"] = h.about.VirtualEnv
		env["PATH"] = filepath.Join(h.about.VirtualEnv, "bin") + string(filepath.ListSeparator) + env["PATH"]
	}
	config, err := json.Marshal(r.GetConfig())
	if err != nil {
		return zygote.Job{}, err
	}
	secretKeys := r.GetConfigSecretKeys()
	if secretKeys == nil {
		secretKeys = []string{}
	}
	keys, err := json.Marshal(secretKeys)
	if err != nil {
		return zygote.Job{}, err
	}
	if r.GetConfig() != nil {
		env["PULUMI_CONFIG"] = string(config)
	}
	env["PULUMI_CONFIG_SECRET_KEYS"] = string(keys)
	return zygote.Job{
		Argv: h.arguments(r), Cwd: r.GetPwd(), Env: env, Umask: h.umask, Debug: h.debug,
	}, nil
}

// arguments are those of pulumi-language-python-exec.
func (h *programHost) arguments(r *pulumirpc.RunRequest) []string {
	var args []string
	option := func(name, value string) {
		if value != "" {
			args = append(args, "--"+name, value)
		}
	}
	option("monitor", r.GetMonitorAddress())
	option("engine", h.address)
	option("project", r.GetProject())
	option("root_directory", r.GetInfo().GetRootDirectory())
	option("stack", r.GetStack())
	option("pwd", r.GetPwd())
	option("dry_run", strconv.FormatBool(r.GetDryRun()))
	option("parallel", strconv.Itoa(int(r.GetParallel())))
	option("organization", r.GetOrganization())
	program := r.GetProgram()
	if program == "" {
		program = "."
	}
	return append(append(args, program), r.GetArgs()...)
}
