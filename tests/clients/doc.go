// Package clients tests the clients in other languages against the server.
package clients
