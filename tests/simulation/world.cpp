#include "simulation/world.h"

#include <cmath>
#include <cstring>

#include "collegium/error.h"
#include "simulation/processes.h"

namespace collegium::simulated {

SharedBlob blob_of(const std::vector<float>& values) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(values.data());
  std::vector<std::uint8_t> bytes(first, first + values.size() * sizeof(float));
  return std::make_shared<const Blob>(Blob::of(Bytes::owning(std::move(bytes))));
}

std::vector<float> floats_of(const Bytes& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.view.data(), values.size() * sizeof(float));
  return values;
}

SharedBlob network_file() {
  static const SharedBlob file = blob_of({3.0f, 1.0f, 4.0f});
  return file;
}

World::World(Plan plan, bool tracing) : plan_(plan), tracing_(tracing), random_(plan.seed) {
  coordinator_ = std::make_unique<CoordinatorProcess>();
  const std::vector<float> initial(kFloats, 0.5f);
  coordinator_->disk.model = blob_of(initial);
  coordinator_->disk_before = coordinator_->disk;
  witness_.models[0] = initial;
  for (std::size_t i = 0; i < plan_.sites; ++i) {
    sites_.push_back(std::make_unique<SiteProcess>());
    sites_.back()->name = "site-" + std::to_string(i + 1);
  }
  if (!plan_.on_disk) return;
  folder_ = std::make_unique<TemporaryFolder>();
  coordinator_->files = std::make_unique<CoordinatorDisk>(*folder_ / "coordinator");
  for (const auto& site : sites_)
    site->files = std::make_unique<SiteDisk>(*folder_ / site->name, site->name);
}

World::~World() = default;

void World::later(double seconds, std::function<void()> what) {
  queue_.push({now_ + seconds, order_++, std::move(what)});
}

bool World::chance(double share) {
  return share > 0 && static_cast<double>(random_() >> 11) * 0x1p-53 < share;
}

double World::seconds(double mean) {
  const double uniform = (static_cast<double>(random_() >> 11) + 1) * 0x1p-53;
  return 0.001 - mean * std::log(uniform);
}

void World::trace(const std::string& text) {
  if (tracing_) trace_ += std::to_string(now_) + " " + text + "\n";
}

Report World::run() {
  start_coordinator();
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    now_and_then(plan_.cut_every, [this, i] { cut_line(i); });
    now_and_then(plan_.partition_every, [this, i] { partition(i); });
    if (hostile(i)) continue;
    later(seconds(5), [this, i] { start_site(i); });
    now_and_then(plan_.crash_every, [this, i] { kill_site(i); });
    now_and_then(plan_.site_stops_every, [this, i] { stop_site(i); });
    if (plan_.is_lied_to) now_and_then(20, [this, i] { lie_to(i); });
  }
  now_and_then(plan_.crash_every, [this] { kill_coordinator(); });
  now_and_then(plan_.freeze_every, [this] { freeze_one(); });
  if (plan_.is_hostile) start_hostile();
  if (plan_.has_stranger) now_and_then(20, [this] { stranger_talks(); });
  if (plan_.stop_at > 0 && plan_.stop_at < plan_.faults_until)
    later(plan_.stop_at, [this] { stop_coordinator(); });
  const auto all_over = [this] {
    if (!end_) return false;
    for (std::size_t i = 0; i < sites_.size(); ++i) {
      if (!sites_[i]->stopped && !hostile(i)) return false;
    }
    return true;
  };
  constexpr double kHorizon = 20000;
  while (!queue_.empty() && !all_over() && now_ < kHorizon && witness_.breaches().empty()) {
    const auto what = queue_.top().what;
    now_ = queue_.top().at;
    queue_.pop();
    ++events_;
    what();
  }
  if (witness_.breaches().empty()) check_end();
  Report report{.plan = plan_,
                .breaches = witness_.breaches(),
                .outcome = {},
                .reason = {},
                .closed = witness_.closed.size(),
                .model = witness_.models.rbegin()->second,
                .cohorts = {},
                .ended = now_,
                .events = events_,
                .lost_in = witness_.secure.lost_in,
                .recovered = witness_.secure.recovered,
                .trace = trace_};
  if (end_) {
    report.outcome = end_->outcome;
    report.reason = end_->reason;
  }
  for (const auto& [round, record] : witness_.closed) {
    std::vector<std::string> accepted;
    for (const Contribution& one : record.contributions) {
      if (one.state == Contribution::State::accepted) accepted.push_back(one.site);
    }
    report.cohorts.push_back(accepted);
  }
  return report;
}

void World::now_and_then(double mean, std::function<void()> what) {
  if (mean <= 0 || !faulty()) return;
  later(seconds(mean), [this, mean, what] {
    if (!faulty()) return;
    what();
    now_and_then(mean, what);
  });
}

World::DiskResult World::on_disk(VirtualDisk& disk, const std::function<void()>& operation) {
  DiskResult result;
  if (faulty() && chance(plan_.dies_writing))
    disk.arm(VirtualDisk::Trouble::death, 1 + static_cast<int>(random_() % 16));
  else if (faulty() && chance(plan_.disk_full))
    disk.arm(VirtualDisk::Trouble::full, 1 + static_cast<int>(random_() % 16));
  try {
    operation();
  } catch (const Error& error) {
    result.failure = error.what();
  }
  result.died = disk.dead();
  disk.arm(VirtualDisk::Trouble::none, 0);
  return result;
}

// Of the epoch, give or take: what a machine's clock says when a process starts.
double World::drawn_clock() {
  if (plan_.clock_jumps <= 0) return 0;
  const double share = static_cast<double>(random_() >> 11) * 0x1p-53;
  return 1e9 + (share - 0.5) * plan_.clock_jumps;
}

std::size_t World::index_of(const std::string& site) const {
  std::size_t index = 0;
  while (index < sites_.size() && sites_[index]->name != site) ++index;
  return index;
}

}  // namespace collegium::simulated
