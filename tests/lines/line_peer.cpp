// One end of a line: `line_peer coordinator ADDRESS SITES MIN_SITES ROUNDS FLOATS DEADLINE`,
// `line_peer site INDEX ADDRESS SITES ROUNDS FLOATS TRAINS`, or, under the name of a site,
// `line_peer hostile INDEX ADDRESS FLOATS`, until it is killed. What happens is printed with the
// time (CLOCK_MONOTONIC, the same for every process of a machine), and at the end the outcome and
// the peak of the process's memory. Without encryption, so that no keys need to be handed over.
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "federation/bodies.h"
#include "transport/toy_federation.h"
#include "transport/zmq_federation.h"
#include "transport/zmq_frames.h"

namespace {

using namespace collegium;

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void say(const std::string& text) {
  std::printf("%.3f %s\n", now(), text.c_str());
  std::fflush(stdout);
}

void say_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) say("peak " + line.substr(6));
}

int end(const DriverResult& result) {
  say("outcome " + std::string(name_of(result.outcome)) + " " + result.reason);
  say_memory();
  return 0;
}

std::size_t number(const char* text) { return std::strtoull(text, nullptr, 10); }

int coordinate(char** given) {
  const toy::Setting setting{.sites = number(given[1]),
                             .size = number(given[4]),
                             .rounds = number(given[3]),
                             .min_sites = number(given[2]),
                             .evaluate_every = 0};
  toy::Keys keys(setting.sites);
  CoordinatorOptions options = toy::coordinator_options(setting);
  options.round_deadline = std::strtod(given[5], nullptr);
  options.start_wait = 5;
  options.final_wait = 60;
  RunWork::Options work_options = toy::work_options(setting);
  work_options.on_log = [](const LogEvent& event) { say("[" + event.site + "] " + event.text); };
  work_options.on_round = [](const RoundRecord& record) {
    std::string text = "round " + std::to_string(record.round) +
                       (record.closed ? " closed with" : " abandoned after");
    for (const Contribution& one : record.contributions)
      if (one.state == Contribution::State::accepted) text += " " + one.site;
    say(text);
  };
  RunWork work(std::move(work_options));
  CoordinatorResume resume;
  resume.model = toy::initial_model(setting);
  Coordinator machine(options, std::move(resume));
  ZmqCoordinatorDriver driver(
      {.address = given[0], .insecure = true, .roster = keys.roster, .run = options.run}, machine,
      work);
  say("listens");
  return end(driver.run());
}

int take_part(char** given) {
  const std::size_t index = number(given[0]);
  const toy::Setting setting{.sites = number(given[2]),
                             .size = number(given[4]),
                             .rounds = number(given[3]),
                             .evaluate_every = 0};
  const double trains = std::strtod(given[5], nullptr);
  toy::ToySite site(index, setting);
  site.trainer->before_training = [trains](const TrainTask& task) {
    say("trains round " + std::to_string(task.round));
    std::this_thread::sleep_for(std::chrono::duration<double>(trains));
  };
  ZmqSiteDriver driver({.address = given[1], .insecure = true, .name = site.name}, site.machine,
                       site.work);
  return end(driver.run());
}

// A registered site that asks for the model without end and reads no answer, sends all that a frame
// may hold, and what is no message; beside it connections that never say who they are.
int attack(char** given) {
  const std::string address = given[1];
  const toy::Setting setting{.size = number(given[2])};
  zmq::context_t context;
  const auto connect = [&] {
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::plain_username, toy::site_name(number(given[0])));
    socket.set(zmq::sockopt::plain_password, "insecure");
    socket.set(zmq::sockopt::rcvhwm, 1);
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(address);
    return socket;
  };
  std::vector<zmq::socket_t> sockets;
  for (int i = 0; i < 8; ++i) sockets.push_back(connect());
  std::vector<zmq::socket_t> silent;
  for (int i = 0; i < 64; ++i) {
    silent.emplace_back(context, zmq::socket_type::stream);
    silent.back().connect(address);
  }
  JoinBody join;
  join.layout = toy::layout_of(setting.size).hash();
  Message message;
  message.kind = Kind::join;
  message.body = join.write();
  send_message(sockets[0], nullptr, message);
  const SharedBlob model = toy::initial_model(setting);
  const std::vector<std::uint8_t> garbage(kMaxPayload, 0xa5);
  say("attacks");
  for (std::uint64_t i = 0;; ++i) {
    if (i % 1000 == 0) say("sent " + std::to_string(i));
    zmq::socket_t& socket = sockets[i % sockets.size()];
    Message next;
    next.run = toy::coordinator_options(setting).run;
    next.round = 1;
    next.request = i;
    switch (i / sockets.size() % 3) {
      case 0:
        next.kind = Kind::fetch;
        next.body = model->id.to_settings();
        next.body.set("offset", std::int64_t{0});
        next.body.set("length", static_cast<std::int64_t>(kChunkSize));
        break;
      case 1:
        next.kind = Kind::result;
        next.payload = Bytes::copy_of(garbage);
        break;
      default:
        socket.send(zmq::buffer(garbage), zmq::send_flags::dontwait);
        continue;
    }
    send_message(socket, nullptr, next);
    if (i % 64 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string role = count > 1 ? arguments[1] : "";
  if (role == "coordinator" && count == 8) return coordinate(arguments + 2);
  if (role == "site" && count == 8) return take_part(arguments + 2);
  if (role == "hostile" && count == 5) return attack(arguments + 2);
  std::fprintf(stderr, "line_peer coordinator|site|hostile ...\n");
  return 2;
}
