#pragma once
#include <cstdint>
#include <string>

namespace collegium::simulated {

// Mistakes that a driver or an implementation could make. The simulator must find each of them.
enum class PlantedBug : std::uint8_t {
  none,
  accumulates_twice,          // an update is added again when its report is late
  reports_before_writing,     // RoundPersisted comes before the commit, so a crash loses the round
  accepts_on_arrival,         // `accepted` goes out before the round is durable
  forgets_the_outbox,         // a restarted site has lost its stored result
  reserves_in_memory,         // the charge is not durable when training begins
  resumes_a_round_early,      // a restarted coordinator ignores the last closed round
  charges_in_memory,          // the charge of a round is not durable when its noise is drawn
  shows_before_writing,       // a noised model leaves before its round is written, so a crash draws
                              // again
  ignores_cohort_order,       // a deterministic run is combined in order of arrival
  calls_a_full_disk_written,  // the coordinator's round did not fit, and is reported as written
  announces_the_unstored,     // a site's result did not fit, and is reported as stored
  forgets_the_network,        // a restarted site has lost the file it was given
  withdraws_the_network,      // the coordinator stops serving it once it serves a model
  builds_without_policy,      // a site's policy is never asked about a captured network
  goes_on_when_stopped,       // the request to stop never reaches the coordinator's machine
  closes_below_quorum,        // the machine is told a smaller min_sites than was agreed
  skips_the_values,           // an update is accumulated without a look at its values
  believes_the_sender,        // a message is of the site that it says it is of
  opens_what_is_broken,       // bytes that the line has changed are taken for a message
  refunds_a_failure,          // a charge is taken back when its training fails
  pays_for_two,               // an output is drawn again under the charge of the one before
  talks_to_strangers,         // the roster is not looked at before the machine is asked
  ignores_a_sync,             // the disk says that it has synced, and has not
  forgets_the_last_answers,   // a restarted coordinator has lost who counted in its last round
  forgets_opened_sums,        // a restarted site has lost which sum of the round it opened
  keeps_the_last_sum,         // masked updates of an attempt that failed stay in the next one's sum
  counts_what_it_lost,        // a masked update is reported as added, and was not
  serves_it_unmasked,         // the update is served in the place of what hides it
  gives_both_shares,          // a site's keys are in a backup, and a second process of it uses them
  charges_every_sum           // what is sent again for another attempt's sum is charged again
};

// What one history looks like, drawn from its seed.
struct Plan {
  std::uint64_t seed = 0;
  PlantedBug bug = PlantedBug::none;
  std::size_t sites = 3;
  std::size_t min_sites = 2;
  std::uint64_t rounds = 3;
  std::size_t staging = 1;
  bool deterministic = true;
  bool is_private = false;
  bool is_captured = false;    // the network is a file, which sites fetch
  bool is_refused = false;     // ... and which the policy of the last site does not take
  bool is_central = false;     // the coordinator charges every round and adds noise to it
  bool is_inline = true;       // blobs travel in messages
  bool over_the_wire = false;  // every message is encoded and decoded
  double drop = 0, repeat = 0, slow = 0;  // shares of messages
  double crash_every = 0;                 // mean seconds between crashes of one process; 0: none
  double disk_full = 0;                   // share of writes, at both ends
  double stop_at = 0;                     // when the coordinator is asked to stop; 0: never
  double site_stops_every = 0;            // mean seconds between requests to one site; 0: none
  double train_fails = 0, pull_fails = 0, corrupts = 0, not_finite = 0;  // shares of jobs
  double mangle = 0;           // share of messages whose bytes change on the way
  double cut_every = 0;        // mean seconds between cuts of one site's line; 0: none
  double partition_every = 0;  // ... between times in which nothing comes through
  double freeze_every = 0;     // ... between times in which one process stands still
  double clock_jumps = 0;      // seconds: how far a process's clock may be off after a start
  bool is_hostile = false;     // the last site is nobody's machine: it says whatever it likes
  bool has_stranger = false;   // somebody who is not of this federation talks as well
  bool is_lied_to = false;     // sites hear messages that the coordinator never sent
  bool is_secure = false;      // the coordinator learns sums under masks and no update
  double dies_in_sum = 0;      // share of steps of a sum that the site's process does not survive
  double silent_in_sum = 0;    // share of steps after which the site's line falls silent
  bool is_repeater = false;    // the last site says again, as its own, what was said in other sums
  bool on_disk = false;        // ledger, outbox and run store are the real ones, on virtual disks
  double dies_writing = 0;     // share of operations on a disk that their process does not survive
  double faults_until = 400;   // then the world is kind
};

Plan plan_of(std::uint64_t seed);      // a mixture of everything
Plan kind_plan(std::uint64_t seed);    // the same sizes without faults
Plan disk_plan(std::uint64_t seed);    // a mixture of everything, on real files
Plan secure_plan(std::uint64_t seed);  // a mixture of everything, with secure aggregation

}  // namespace collegium::simulated
