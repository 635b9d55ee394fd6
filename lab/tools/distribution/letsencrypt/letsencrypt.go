// Package letsencrypt stands in for rsc.io/letsencrypt, which the Go module proxy does not have: the registry compiles,
// and refuses to obtain certificates by itself.
package letsencrypt

import (
	"crypto/tls"
	"errors"
)

var errAbsent = errors.New("this registry is built without Let's Encrypt")

// Manager refuses every request.
type Manager struct{}

// CacheFile refuses to read certificates.
func (m *Manager) CacheFile(string) error { return errAbsent }

// Registered reports that there is no account.
func (m *Manager) Registered() bool { return false }

// Register refuses to create an account.
func (m *Manager) Register(string, func(string) bool) error { return errAbsent }

// SetHosts does nothing.
func (m *Manager) SetHosts([]string) {}

// GetCertificate refuses to return a certificate.
func (m *Manager) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errAbsent }
