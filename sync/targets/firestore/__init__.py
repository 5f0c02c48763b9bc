"""A target in Google's Firestore: `sync.targets.firestore.target.FirestoreTarget`. Its library is large: imported when there is one."""
