package main

import (
	"crypto/tls"
	"crypto/x509"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	muxer "github.com/traefik/traefik/v3/pkg/muxer/http"
	"github.com/traefik/traefik/v3/pkg/provider/kubernetes/gateway"
)

// route returns the handler of a configuration; a router that cannot be built is logged and left out.
func route(configuration *dynamic.HTTPConfiguration) http.Handler {
	parser, err := muxer.NewSyntaxParser()
	if err != nil {
		log.Fatal(err)
	}
	routes := muxer.NewMuxer(parser, nil)
	proxies := map[string]http.Handler{}
	for name, router := range configuration.Routers {
		handler := service(configuration, router.Service, proxies)
		if len(router.Middlewares) > 0 {
			handler = status(http.StatusNotImplemented)
		}
		err := routes.AddRoute(router.Rule, router.RuleSyntax, router.Priority, gateway.ProviderName, handler)
		if err != nil {
			log.Printf("router %s: %v", name, err)
		}
	}
	return routes
}

// service returns the handler of a service by name; an unknown one answers with status 500, as in Traefik.
func service(configuration *dynamic.HTTPConfiguration, name string, proxies map[string]http.Handler) http.Handler {
	found, ok := configuration.Services[name]
	if !ok {
		return status(http.StatusInternalServerError)
	}
	if found.Weighted != nil {
		var choices []http.Handler
		for _, each := range found.Weighted.Services {
			handler := service(configuration, each.Name, proxies)
			if each.Status != nil {
				handler = status(*each.Status)
			}
			for range *each.Weight {
				choices = append(choices, handler)
			}
		}
		return oneOf(choices)
	}
	if _, ok := proxies[name]; !ok {
		proxies[name] = proxy(found.LoadBalancer, configuration.ServersTransports[found.LoadBalancer.ServersTransport])
	}
	return proxies[name]
}

func proxy(balancer *dynamic.ServersLoadBalancer, settings *dynamic.ServersTransport) http.Handler {
	transport := transport(settings)
	var choices []http.Handler
	for _, server := range balancer.Servers {
		target, err := url.Parse(server.URL)
		if err != nil {
			log.Printf("server %s: %v", server.URL, err)
			continue
		}
		choices = append(choices, &httputil.ReverseProxy{
			Transport:     transport,
			FlushInterval: -1,
			Rewrite: func(request *httputil.ProxyRequest) {
				request.SetURL(target)
				request.Out.Host = request.In.Host
				request.SetXForwarded()
			},
		})
	}
	return oneOf(choices)
}

// transport trusts what a BackendTLSPolicy names.
func transport(settings *dynamic.ServersTransport) http.RoundTripper {
	made := http.DefaultTransport.(*http.Transport).Clone()
	made.Proxy = nil
	if settings == nil {
		return made
	}
	made.TLSClientConfig = &tls.Config{ServerName: settings.ServerName}
	if len(settings.RootCAs) > 0 {
		made.TLSClientConfig.RootCAs = x509.NewCertPool()
		for _, authority := range settings.RootCAs {
			made.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(authority))
		}
	}
	return made
}

// oneOf returns a handler that takes one of the choices for each request.
func oneOf(choices []http.Handler) http.Handler {
	if len(choices) == 0 {
		return status(http.StatusServiceUnavailable)
	}
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		choices[rand.IntN(len(choices))].ServeHTTP(answer, request)
	})
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(code) })
}
