#pragma once
#include <set>
#include <string>

// The test program's own write(), fsync(), rename() ... stand before the C library's, for SQLite
// and for us alike, and its sqlite3_step() before SQLite's, so that a test can end the process, or
// fill the disk, at any one call that changes a file, or end it at any SQL statement.
namespace collegium::disk {

enum class Trouble {
  none,
  death,            // the process ends before the call
  torn_death,       // the process ends in the middle of it: half of the bytes are written
  statement_death,  // the process ends before a step of an SQL statement, and only those count
  full              // this write and every one after it finds no space
};

void arm(Trouble trouble,
         int at_call);  // calls count from 1, from now on; disarms with Trouble::none
int calls();            // since arm()

// Files written and folders changed that were not synced since the last call of watch(). Lock files
// and shared memory are not counted: they hold nothing that must last.
void watch();
std::set<std::string> unsynced();

}  // namespace collegium::disk
