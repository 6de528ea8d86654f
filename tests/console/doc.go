// Package console tests the management console in Chromium.
//
// The tests need Chromium, from PATH or MYVAULT_CHROMIUM, and the npm package axe-core, whose
// axe.min.js MYVAULT_AXE names. Tests without what they need are skipped, or fail if CI is set.
// TestScreens writes a screenshot of every screen to the directory MYVAULT_SCREENSHOTS, if set.
package console
