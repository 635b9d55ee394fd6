// An OpenID provider for the tests: the server of zitadel/oidc with its in-memory users, over TLS.
//
//	oidc-provider ISSUER ADDRESS CERTIFICATE KEY [refresh]
//
// With `refresh` it issues refresh tokens, as its discovery document says. It has no page for the login of a person.
package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oidc-provider:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 4 || len(arguments) > 5 || (len(arguments) == 5 && arguments[4] != "refresh") {
		return fmt.Errorf("usage: oidc-provider ISSUER ADDRESS CERTIFICATE KEY [refresh]")
	}
	issuer, address, certificate, key := arguments[0], arguments[1], arguments[2], arguments[3]
	config := &op.Config{
		CryptoKey:             sha256.Sum256([]byte(issuer)),
		CryptoKeyId:           "key",
		CodeMethodS256:        true,
		AuthMethodPost:        true,
		GrantTypeRefreshToken: len(arguments) == 5,
	}
	provider, err := op.NewProvider(config, storage.NewStorage(storage.NewUserStore(issuer)), op.StaticIssuer(issuer))
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, Handler: provider, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServeTLS(certificate, key)
}
