//! tower layer: request bodies kept in memory and in unlinked files, to be sent again.
