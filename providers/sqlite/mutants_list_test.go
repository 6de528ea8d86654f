package sqlite_test

// mutants are mistakes that would break a promise and that other tests may not see.
var mutants = []mutant{
	{
		name:  "changes are not synced",
		short: true,
		edits: []slip{{"sqlite.go", "keys: keys, synchronous: syncFull, disk", "keys: keys, synchronous: syncNormal, disk"}},
		run:   "TestPowerCuts$/^changes$",
		says:  "was acknowledged and is lost",
	},
	{
		name:  "a record is not bound to its place",
		short: true,
		edits: []slip{{"../../crypto/seal.go", "	dst = append(dst, s.prefix...)\n", "	dst = append(dst, s.prefix...)\n	at = Place{}\n"}},
		run:   "TestARecordOpensNowhereElse$",
		says:  "a record was read in another place",
	},
	{
		name:  "an entry outside the transaction of its change",
		short: true,
		edits: []slip{{"apply.go", "	h.seq = r.entry.Seq\n	if r.op",
			"	_ = tx.c.Exec(`COMMIT`)\n	_ = tx.c.Exec(`BEGIN IMMEDIATE`)\n	h.seq = r.entry.Seq\n	if r.op"}},
		run:  "TestPowerCuts$/^changes$",
		says: "power cut after event",
	},
	{
		name:  "the trail is never synced",
		edits: []slip{{"trail.go", "t.begin, t.save, t.restore, t.committed", "t.begin, t.save, t.restore, func() {}"}},
		run:   "TestPowerCuts$/^access_entries$",
		says:  "was acknowledged",
	},
	{
		name: "acknowledged before it is committed",
		edits: []slip{
			{"batch.go", "		committing = true\n		return w.conn.commit()", "		committing = true\n		return nil"},
			{"batch.go", "	if err := w.conn.rollback(); err != nil {\n		return false, err\n	}\n	if err := w.conn.write(`BEGIN IMMEDIATE`, nil)",
				"	if !w.conn.GetAutocommit() {\n		_ = w.conn.run(`COMMIT`)\n	}\n	if err := w.conn.write(`BEGIN IMMEDIATE`, nil)"},
		},
		run:  "TestPowerCuts$/^several_at_once$",
		says: "was acknowledged and is lost",
	},
	{
		name:  "no directory is synced",
		edits: []slip{{"disk.go", "	return errors.Join(ignoreUnsupported(d.sync(f)), f.Close())", "	return f.Close()"}},
		run:   "TestPowerCuts$/^create$",
		says:  "power cut after event",
	},
	{
		name:  "a request that failed half-way is not undone",
		edits: []slip{{"batch.go", "errors.Join(w.conn.write(`ROLLBACK TO request`, nil), w.conn.write(`RELEASE request`, nil))", "w.conn.write(`RELEASE request`, nil)"}},
		run:   "TestOneFailureDoesNotFailItsBatch$",
		says:  "FAIL",
	},
	{
		name:  "what a failed request did in memory is not undone",
		edits: []slip{{"batch.go", "	w.restore()\n	if w.conn.GetAutocommit() {\n		return false, err\n	}", "	if w.conn.GetAutocommit() {\n		return false, err\n	}"}},
		run:   "TestOneFailureDoesNotFailItsBatch$",
		says:  "FAIL",
	},
	{
		name:  "the cut of the log behind a destroy is not synced",
		edits: []slip{{"destroy.go", "		err = f.options.disk.syncFile(f.path + \"-wal\")\n", "		err = nil\n"}},
		run:   "TestPowerCuts$/^destroy$",
		says:  "holds a record that was destroyed",
	},
	{
		name:  "a new file is published whatever is still in its log",
		edits: []slip{{"create.go", "		_, _, err := c.WALCheckpoint(\"main\", sqlite3.CHECKPOINT_TRUNCATE)\n		return err\n", "		_ = sqlite3.CHECKPOINT_TRUNCATE\n		return nil\n"}},
		run:   "TestAFaultWhileAStoreIsMadeLeavesNoHalf$",
		says:  "errors.Is(err, myvault.ErrUnavailable)",
	},
	{
		name:  "a commit that failed is said not to be made",
		edits: []slip{{"batch.go", "	if committing && !refused {", "	if committing && !refused && w == nil {"}},
		run:   "TestFailedSync$",
		says:  "errors.Is(err, myvault.ErrUnknownOutcome)",
	},
	{
		name:  "what other processes wrote is not read again",
		edits: []slip{{"batch.go", "anew := !w.known || version != w.seen", "anew := !w.known || version == 0"}},
		run:   "TestPowerCuts$/^two_stores$",
		says:  "FAIL",
	},
	{
		name:  "the names in a restored store are not synced",
		edits: []slip{{"disk.go", "	return d.syncDir(filepath.Dir(path))\n", "	return nil\n"}},
		run:   "TestNamesInARestoredStoreAreSynced$",
		says:  "FAIL",
	},
	{
		name: "the names in a restored store are not synced, nor when it is closed",
		edits: []slip{
			{"disk.go", "	return d.syncDir(filepath.Dir(path))\n", "	return nil\n"},
			{"sync.go", "		s.log.named = false // the directory once more: names have gone when vault.db was closed\n", ""},
			{"sync.go", "	err = l.disk.syncDir(filepath.Dir(l.path))\n", "	err = l.disk.begin(\"none\", filepath.Dir(l.path))\n"},
		},
		run:  "TestPowerCuts$/^backup_and_restore$",
		says: "power cut after event",
	},
	{
		name:  "the name of a backup is not synced",
		edits: []slip{{"publish.go", "	err := d.syncDir(filepath.Dir(to))\n", "	var err error\n"}},
		run:   "TestPowerCuts$/^backup_and_restore$",
		says:  "was made and is not there",
	},
	{
		name:  "a name that could not be synced stays",
		edits: []slip{{"publish.go", "	if left := back(from, to); left != nil {", "	if left := error(nil); left != nil {"}},
		run:   "TestANameThatIsNotSyncedIsTakenBack$",
		says:  "FAIL",
	},
	{
		name:  "the names of directories that are made are not synced",
		edits: []slip{{"directory.go", "		if err := s.disk.syncDir(filepath.Dir(made)); err != nil {", "		if err := error(nil); err != nil {"}},
		run:   "TestPowerCuts$/^create$",
		says:  "the store is another than the one that was opened",
	},
	{
		name:  "the name of the trail's log is not synced",
		edits: []slip{{"sync.go", "	err = l.disk.syncDir(filepath.Dir(l.path))\n", "	err = l.disk.begin(\"none\", filepath.Dir(l.path))\n"}},
		run:   "TestNamesAreSynced$",
		says:  "FAIL",
	},
	{
		name:  "the names of new files are not synced",
		edits: []slip{{"create.go", "	return o.disk.syncDir(dir)\n", "	return nil\n"}},
		run:   "TestNamesAreSynced$",
		says:  "FAIL",
	},
	{
		name: "what a failed commit held back is written later",
		edits: []slip{
			{"gather.go", "	defer func() { f.log.gathering, f.log.held = false, f.log.held[:0] }()\n", "	defer func() { f.log.gathering = false }()\n"},
			{"gather.go", "	f.held = f.held[:0]\n	_, err := f.File.WriteAt(b, f.at)\n",
				"	_, err := f.File.WriteAt(b, f.at)\n	if err == nil {\n		f.held = f.held[:0]\n	}\n"},
		},
		run:  "TestAFailedCommitLeavesNothingToWrite$",
		says: "FAIL",
	},
	{
		name:  "heads are kept behind another writer",
		edits: []slip{{"tip.go", "		s.known.clear()\n", ""}},
		run:   "TestHeadsAreReadAgainBehindAnotherWriter$",
		says:  "FAIL",
	},
	{
		name:  "the head that a failed request wrote is kept",
		edits: []slip{{"tip.go", "	s.known.restore()\n", ""}},
		run:   "TestAFailedRequestLeavesNoHeadBehind$",
		says:  "FAIL",
	},
}
