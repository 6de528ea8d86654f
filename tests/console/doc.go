// Package console holds the tests of the management console, which run it in a real Chromium.
//
// They need chromium, found in PATH or named by MYVAULT_CHROMIUM, and the axe-core package of npm,
// whose axe.min.js MYVAULT_AXE names. Without one of them the tests that need it are skipped; with
// CI=true they fail. With MYVAULT_SCREENSHOTS=directory, [TestScreens] also writes a picture of each
// screen there.
package console
