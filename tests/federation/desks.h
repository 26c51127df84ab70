#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "federation/bodies.h"
#include "federation/coordinator.h"
#include "federation/site.h"

// One machine on a desk: events are handed in by name, and the actions come out by type.
namespace collegium {

SharedBlob blob_with(std::size_t floats, float value);
template <class T, class Actions>
std::vector<T> all_of(const Actions& actions) {
  std::vector<T> found;
  for (const auto& action : actions) {
    if (const T* one = std::get_if<T>(&action)) found.push_back(*one);
  }
  return found;
}

// Coordinator of guys, kings and leeds; a quorum of two; three rounds; models and updates of
// `floats` floats.
class CoordinatorDesk {
 public:
  explicit CoordinatorDesk(std::size_t floats = 4);

  CoordinatorOptions options;
  CoordinatorResume resume;
  double now = 1000;
  CoordinatorActions last;     // of the latest event
  CoordinatorActions history;  // of all

  void start();  // lazily done by the others
  void give(CoordinatorEvent event);
  void at(double seconds) { give(Tick{now = seconds}); }
  void after(double seconds) { at(now + seconds); }
  void message(const std::string& site, Kind kind, std::uint64_t round, Settings body,
               Bytes payload = {});
  void join(const std::string& site);
  void join_all();
  // A result as a site sends it; `change` may spoil it.
  void result(const std::string& site, std::uint64_t round, SharedBlob update, double weight = 1,
              std::int64_t steps = 1);
  void failed(const std::string& site, std::uint64_t round, const std::string& code);
  void accumulate();                             // answers every Accumulate of the latest event
  void close(std::uint64_t round, float model);  // aggregated and persisted

  template <class T>
  std::vector<T> now_of() const {
    return all_of<T>(last);
  }
  template <class T>
  std::vector<T> ever() const {
    return all_of<T>(history);
  }
  std::vector<std::string> told(Kind kind) const;  // who was sent one by the latest event
  std::optional<Message> sent(const std::string& site, Kind kind) const;  // by the latest event
  ReasonBody reason(const std::string& site, Kind kind) const;
  Contribution contribution(const std::string& site) const;  // in the latest PersistRound ever
  bool logged(const std::string& text) const;                // ever
  CoordinatorSnapshot::Phase phase() const { return machine_->snapshot().phase; }
  const Coordinator& machine() const { return *machine_; }
  SharedBlob model() const { return model_; }

 private:
  std::unique_ptr<Coordinator> machine_;
  SharedBlob model_;
};

// Site guys, in a run of three rounds.
class SiteDesk {
 public:
  explicit SiteDesk(std::size_t floats = 4);

  SiteOptions options;
  std::optional<StoredResult> stored;
  double now = 1000;
  SiteActions last;
  SiteActions history;
  RunId run{};
  Instructions instructions;
  SharedBlob model;
  SharedBlob update;

  void start();
  void give(SiteEvent event);
  void at(double seconds) { give(Tick{now = seconds}); }
  void after(double seconds) { at(now + seconds); }
  void message(Kind kind, std::uint64_t round, Settings body, Bytes payload = {},
               std::uint64_t request = 0);
  void welcome(std::uint64_t round = 1, const std::string& layout = "layout");
  void task(std::uint64_t round, std::uint64_t attempt = 1, bool evaluate = true);
  void trained();    // answers the latest Train ever
  void persisted();  // answers the latest Persist ever

  template <class T>
  std::vector<T> now_of() const {
    return all_of<T>(last);
  }
  template <class T>
  std::vector<T> ever() const {
    return all_of<T>(history);
  }
  std::optional<Message> sent(Kind kind) const;  // by the latest event
  std::size_t times_sent(Kind kind) const;       // ever
  SiteSnapshot::Phase phase() const { return machine_->snapshot().phase; }
  const Site& machine() const { return *machine_; }

 private:
  std::unique_ptr<Site> machine_;
};

}  // namespace collegium
