// Reads a Kubernetes object as JSON from standard input, and prints as JSON what a GitOps tool makes of it.
//
//	registry-health kstatus           status and message by kstatus, in the version that Flux and Helm use
//	registry-health lua TEXT          what this text of a Lua script of Argo CD returns for the object
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "registry-health:", err)
		os.Exit(1)
	}
}

func run(arguments []string, input io.Reader, output io.Writer) error {
	object, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	switch {
	case len(arguments) == 1 && arguments[0] == "kstatus":
		return computeStatus(object, output)
	case len(arguments) == 2 && arguments[0] == "lua":
		return runScript(arguments[1], object, output)
	}
	return errors.New("usage: registry-health kstatus | lua TEXT")
}

func computeStatus(object []byte, output io.Writer) error {
	found := &unstructured.Unstructured{}
	if err := found.UnmarshalJSON(object); err != nil {
		return err
	}
	result, err := status.Compute(found)
	if err != nil {
		return err
	}
	return json.NewEncoder(output).Encode(map[string]string{"status": result.Status.String(), "message": result.Message})
}

// runScript gives the script what util/lua/lua.go of Argo CD 3.5 gives to a script of argocd-cm: the libraries package,
// base and table, `require("os")` with date and time only, the object as the global obj, and one second.
func runScript(script string, object []byte, output io.Writer) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable}
	if err := open(state, lua.LoadLibName, lua.OpenPackage); err != nil {
		return err
	}
	for name, library := range libraries {
		if err := open(state, name, library); err != nil {
			return err
		}
	}
	state.PreloadModule(lua.OsLibName, loadClock)
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limited)
	value, err := luajson.Decode(state, object)
	if err != nil {
		return err
	}
	state.SetGlobal("obj", value)
	if err := state.DoString(script); err != nil {
		return err
	}
	result, err := luajson.Encode(state.Get(-1))
	if err != nil {
		return err
	}
	_, err = output.Write(result)
	return err
}

func open(state *lua.LState, name string, library lua.LGFunction) error {
	return state.CallByParam(lua.P{Fn: state.NewFunction(library), Protect: true}, lua.LString(name))
}

// loadClock takes date and time from the os library of another state, so that no other function of it exists here.
func loadClock(state *lua.LState) int {
	full := lua.NewState()
	library := full.GetGlobal(lua.OsLibName).(*lua.LTable)
	clock := state.NewTable()
	for _, name := range []string{"date", "time"} {
		clock.RawSetString(name, state.NewFunction(library.RawGetString(name).(*lua.LFunction).GFunction))
	}
	state.Push(clock)
	return 1
}
