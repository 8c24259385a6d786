// SPDX-License-Identifier: Apache-2.0
// Trees of /proc and /sys as containers and batch systems have them.
#include <eqsr/core/free_memory.hpp>
#include <eqsr/cpu/core/threads.hpp>

#include <doctest/doctest.h>

#include <filesystem>  // create_directories
#include <fstream>     // ofstream
#include <initializer_list>
#include <string>
#include <utility>

#include "io/builder.hpp"

namespace {

constexpr std::size_t MiB = std::size_t{1} << 20;

/// A machine with 64 GiB free whose files are these.
class Tree {
 public:
  Tree(std::initializer_list<std::pair<const char*, std::string>> files) {
    add("/proc/meminfo", "MemTotal: 99999999 kB\nMemAvailable:   67108864 kB\n");
    for (const auto& [path, text] : files) add(path, text);
  }
  void add(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] std::string root() const { return folder_.path("tree"); }
  [[nodiscard]] std::size_t memory() const { return eqsr::free_memory(root()); }
  [[nodiscard]] std::size_t cores() const { return eqsr::detail::group_cores(root()); }

 private:
  eqsr_test::TemporaryFolder folder_;
};

std::string mib(std::size_t count) { return std::to_string(count * MiB) + "\n"; }

}  // namespace

TEST_CASE("without control groups it is what the machine has") {
  const Tree tree{};
  CHECK(tree.memory() == 64 * 1024 * MiB);
  CHECK(tree.cores() == 0);
  const Tree open{{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "max 100000\n"}};
  CHECK(open.memory() == 64 * 1024 * MiB);
  CHECK(open.cores() == 0);
}

TEST_CASE("pages of files count as free") {
  const std::string stat = "anon 1\nfile 99\ninactive_anon 7\ninactive_file " + mib(600) +
                           "active_file " + mib(350) + "unevictable 0\n";
  const Tree two{{"/proc/self/cgroup", "0::/\n"},
                 {"/sys/fs/cgroup/memory.max", mib(1024)},
                 {"/sys/fs/cgroup/memory.current", mib(1000)},
                 {"/sys/fs/cgroup/memory.stat", stat}};
  CHECK(two.memory() == 974 * MiB);
  const Tree one{{"/proc/self/cgroup", "5:memory:/\n"},
                 {"/sys/fs/cgroup/memory/memory.limit_in_bytes", mib(1024)},
                 {"/sys/fs/cgroup/memory/memory.usage_in_bytes", mib(1000)},
                 {"/sys/fs/cgroup/memory/memory.stat",
                  "inactive_file 4096\nactive_file 4096\ntotal_inactive_file " + mib(600) +
                      "total_active_file " + mib(350)}};
  CHECK(one.memory() == 974 * MiB);
  // More pages than bytes used, which races between two files can show, leave the limit itself.
  two.add("/sys/fs/cgroup/memory.current", mib(900));
  CHECK(two.memory() == 1024 * MiB);
  two.add("/sys/fs/cgroup/memory.stat", "inactive_file 0\nactive_file 0\n");
  two.add("/sys/fs/cgroup/memory.current", mib(2000));
  CHECK(two.memory() == 0);
}

TEST_CASE("the tightest level counts, in both versions") {
  for (const std::string at : {"/a/b/c", "/a/b", "/a", ""}) {
    INFO(at);
    const Tree two{{"/proc/self/cgroup", "0::/a/b/c\n"},
                   {"/sys/fs/cgroup/a/b/c/memory.max", "max\n"}};
    two.add("/sys/fs/cgroup" + at + "/memory.max", mib(100));
    two.add("/sys/fs/cgroup" + at + "/memory.current", mib(30));
    two.add("/sys/fs/cgroup" + at + "/cpu.max", "50000 100000\n");
    CHECK(two.memory() == 70 * MiB);
    CHECK(two.cores() == 1);
    const Tree one{{"/proc/self/cgroup",
                    "12:pids:/x\n4:memory:/a/b/c\n3:cpu,cpuacct:/a/b/c\n1:name=systemd:/y\n"}};
    one.add("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    one.add("/sys/fs/cgroup/memory" + at + "/memory.limit_in_bytes", mib(100));
    one.add("/sys/fs/cgroup/memory" + at + "/memory.usage_in_bytes", mib(30));
    one.add("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    one.add("/sys/fs/cgroup/cpu" + at + "/cpu.cfs_quota_us", "250000\n");
    one.add("/sys/fs/cgroup/cpu" + at + "/cpu.cfs_period_us", "100000\n");
    CHECK(one.memory() == 70 * MiB);
    CHECK(one.cores() == 3);
  }
  const Tree nested{{"/proc/self/cgroup", "0::/a/b\n"},
                    {"/sys/fs/cgroup/a/memory.max", mib(100)},
                    {"/sys/fs/cgroup/a/memory.current", mib(90)},
                    {"/sys/fs/cgroup/a/b/memory.max", mib(50)},
                    {"/sys/fs/cgroup/a/b/memory.current", mib(10)},
                    {"/sys/fs/cgroup/a/cpu.max", "300000 100000"},
                    {"/sys/fs/cgroup/a/b/cpu.max", "150000 100000"}};
  CHECK(nested.memory() == 10 * MiB);
  CHECK(nested.cores() == 2);
}

TEST_CASE("groups that are mounted elsewhere, or of which the mount shows a part") {
  const Tree container{
      {"/proc/self/cgroup", "4:memory:/docker/f00/job\n0::/docker/f00/job\n"},
      {"/proc/self/mountinfo",
       "1 0 0:1 / / rw - overlay overlay rw\n"
       "31 1 0:5 /docker/f00 /sys/fs/cgroup/memory ro,nosuid master:1 - cgroup cgroup rw,memory\n"
       "32 1 0:6 /docker/f00 /cg2 ro - cgroup2 cgroup2 rw\n"}};
  container.add("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", mib(100));
  container.add("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", mib(30));
  CHECK(container.memory() == 70 * MiB);
  container.add("/cg2/job/memory.max", mib(60));
  CHECK(container.memory() == 60 * MiB);
  container.add("/cg2/cpu.max", "400000 100000\n");
  CHECK(container.cores() == 4);
}

TEST_CASE("what is no group file gives no limit") {
  const Tree odd{{"/proc/self/cgroup", "\n:\n0\n0::\n0::x\n7:memory\n7:memory:\n"},
                 {"/proc/self/mountinfo", "\n- cgroup2\n1 2 3 4 5 - cgroup2\n"},
                 {"/sys/fs/cgroup/memory.max", ""},
                 {"/sys/fs/cgroup/cpu.max", "100000\n"}};
  CHECK(odd.memory() == 64 * 1024 * MiB);
  CHECK(odd.cores() == 0);
  odd.add("/sys/fs/cgroup/cpu.max", "0 0\n");
  CHECK(odd.cores() == 0);
}

TEST_CASE("a context has as many threads as the quota keeps busy") {
  const Tree half{{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}};
  CHECK(eqsr::available_cores(half.root()) == 1);
  const Tree plenty{{"/proc/self/cgroup", "0::/\n"},
                    {"/sys/fs/cgroup/cpu.max", "9900000 100000\n"}};
  CHECK(eqsr::available_cores(plenty.root()) >= 1);
  CHECK(eqsr::available_cores(plenty.root()) <= 99);
}
