// Package ext has the fields that a product built on Traefik adds to the dynamic configuration; Traefik adds none.
//
// Traefik's go.mod replaces this module by a folder of its own repository, which its archive does not contain.
package ext

// HTTP has no field.
type HTTP struct{}

// Router has no field.
type Router struct{}
