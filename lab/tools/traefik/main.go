// Traefik's provider for the Gateway API, with its router and its certificate store, and the reverse proxy of Go:
//
//	traefik ADDRESS [PROCESS]     (the environment has KUBECONFIG)
//
// It serves HTTPS at ADDRESS, whose port is the port of the listener in a Gateway. With PROCESS, it connects to pods from
// the network namespace of that process. Filters of a route are answered with status 501. The complete program is left
// out: its clients for ACME, Consul, Docker and others would multiply the time of the build.
package main

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/middlewares/requestdecorator"
	"github.com/traefik/traefik/v3/pkg/provider/kubernetes/gateway"
	"github.com/traefik/traefik/v3/pkg/safe"
	traefiktls "github.com/traefik/traefik/v3/pkg/tls"
)

const (
	entryPoint = "websecure"
	socket     = "LAB_LISTENING_SOCKET"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := listen(os.Args[1], os.Args[2:])
	if err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, os.Args[1], listener); err != nil {
		log.Fatal(err)
	}
}

// listen opens the socket outside the network namespace of the pods, in which the program then starts itself again.
func listen(address string, process []string) (net.Listener, error) {
	if inherited, err := strconv.Atoi(os.Getenv(socket)); err == nil {
		return net.FileListener(os.NewFile(uintptr(inherited), address))
	}
	listener, err := net.Listen("tcp", address)
	if err != nil || len(process) == 0 {
		return listener, err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	copied, err := syscall.Dup(int(file.Fd())) // the copy stays open when the program is replaced
	if err != nil {
		return nil, err
	}
	if err := os.Setenv(socket, strconv.Itoa(copied)); err != nil {
		return nil, err
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	argv := append([]string{nsenter, "--net=/proc/" + process[0] + "/ns/net", "--", self}, os.Args[1:]...)
	return nil, syscall.Exec(nsenter, argv, os.Environ())
}

// run serves until the context ends; the provider reports the status of Gateways and routes.
func run(ctx context.Context, address string, listener net.Listener) error {
	provider := &gateway.Provider{
		EntryPoints: map[string]gateway.Entrypoint{entryPoint: {Address: address, HasHTTPTLSConf: true}},
	}
	provider.SetDefaults()
	if err := provider.Init(); err != nil {
		return err
	}
	pool := safe.NewPool(ctx)
	defer pool.Stop()
	configurations := make(chan dynamic.Message, 1)
	if err := provider.Provide(configurations, pool); err != nil {
		return err
	}
	certificates := traefiktls.NewManager(nil)
	var current atomic.Pointer[http.Handler]
	update := func(configuration *dynamic.Configuration) {
		options := map[string]traefiktls.Options{traefiktls.DefaultTLSConfigName: traefiktls.DefaultTLSOptions}
		certificates.UpdateConfigs(ctx, nil, options, configuration.TLS.Certificates)
		handler := route(configuration.HTTP)
		current.Store(&handler)
	}
	update(&dynamic.Configuration{HTTP: &dynamic.HTTPConfiguration{}, TLS: &dynamic.TLSConfiguration{}})
	go func() {
		for message := range configurations {
			if message.Configuration != nil {
				update(message.Configuration)
			}
		}
	}()
	return serve(ctx, listener, certificates, &current)
}

func serve(
	ctx context.Context, listener net.Listener, certificates *traefiktls.Manager, current *atomic.Pointer[http.Handler],
) error {
	decorator := requestdecorator.New(nil)
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			decorator.ServeHTTP(answer, request, (*current.Load()).ServeHTTP)
		}),
		TLSConfig: &tls.Config{
			NextProtos: []string{"h2", "http/1.1"},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				return certificates.Get(traefiktls.DefaultTLSStoreName, traefiktls.DefaultTLSConfigName)
			},
		},
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ServeTLS(listener, "", ""); err != http.ErrServerClosed {
		return err
	}
	return nil
}
