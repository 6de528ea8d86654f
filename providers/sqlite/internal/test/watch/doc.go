// Package watch tests the feeds of a store: with other processes, and against recorded histories.
package watch
