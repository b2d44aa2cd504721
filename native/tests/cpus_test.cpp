// CPUs that a process gets: affinity, and quotas as files of made-up systems say them.
#include "machine/cpus.h"

#include "check.h"

#if defined(__linux__)

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

using namespace dxdw;

namespace {

// A root folder with the files of one system, gone when the test is over.
class System {
 public:
  System() { CHECK(mkdtemp(folder_)); }
  ~System() { CHECK(::system(("rm -r " + root()).c_str()) == 0); }
  System(const System &) = delete;

  std::string root() const { return folder_; }

  System &with(const std::string &path, const std::string &text) {
    const std::string file = root() + path;
    for (size_t slash = root().size(); (slash = file.find('/', slash + 1)) != std::string::npos;) {
      mkdir(file.substr(0, slash).c_str(), 0700);
    }
    FILE *out = fopen(file.c_str(), "w");
    CHECK(out);
    fputs(text.c_str(), out);
    fclose(out);
    return *this;
  }

  int quota() const { return quota_in_cpus(folder_); }

 private:
  char folder_[32] = "/tmp/dxdw-cpus-XXXXXX";
};

const char *const kVersion2 =
    "22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n"
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

const char *const kVersion1 =
    "33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 32 0:30 / /sys/fs/cgroup/cpuset rw shared:11 - cgroup cgroup rw,cpuset\n"
    "35 32 0:31 / /sys/fs/cgroup/unified rw shared:12 - cgroup2 cgroup2 rw\n";

void no_files_no_limit() {
  CHECK(System().quota() == 0);
  CHECK(System().with("/proc/self/mountinfo", kVersion2).quota() == 0);
}

void version_2() {
  System system;
  system.with("/proc/self/mountinfo", kVersion2).with("/proc/self/cgroup", "0::/a.slice/b\n");
  CHECK(system.quota() == 0);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "max 100000\n").quota() == 0);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "350000 100000\n").quota() == 4);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "300000 100000\n").quota() == 3);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "1000 100000\n").quota() == 1);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "9999999999999999999 1\n").quota() > 1e6);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "").quota() == 0);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "100000 0\n").quota() == 0);
  CHECK(system.with("/sys/fs/cgroup/a.slice/b/cpu.max", "nonsense").quota() == 0);
}

void the_strictest_ancestor_counts() {
  System system;
  system.with("/proc/self/mountinfo", kVersion2).with("/proc/self/cgroup", "0::/a/b/c\n");
  system.with("/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
  system.with("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
  CHECK(system.quota() == 2);
  CHECK(system.with("/sys/fs/cgroup/cpu.max", "100000 100000\n").quota() == 1);
}

void version_1() {
  System system;
  system.with("/proc/self/mountinfo", kVersion1);
  system.with("/proc/self/cgroup",
              "4:cpuset:/x\n3:cpuacct,cpu:/jobs/17\n1:name=systemd:/y\n0::/\n");
  const std::string group = "/sys/fs/cgroup/cpu,cpuacct/jobs/17";
  CHECK(system.quota() == 0);
  system.with(group + "/cpu.cfs_quota_us", "-1\n").with(group + "/cpu.cfs_period_us", "100000\n");
  CHECK(system.quota() == 0);
  CHECK(system.with(group + "/cpu.cfs_quota_us", "150000\n").quota() == 2);
  system.with("/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "50000\n");
  system.with("/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "100000\n");
  CHECK(system.quota() == 1);
}

// A container of Docker's without a namespace for its groups: what is mounted is its own group.
void a_container_sees_its_group_alone() {
  System system;
  system.with("/proc/self/mountinfo",
              "33 32 0:29 /docker/17 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
  system.with("/proc/self/cgroup", "3:cpu:/docker/17\n");
  system.with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
  system.with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(system.quota() == 3);
  CHECK(system.with("/proc/self/cgroup", "3:cpu:/docker/170\n").quota() == 3);
  CHECK(system.with("/proc/self/cgroup", "3:cpu:/../elsewhere\n").quota() == 3);
}

void odd_lines_do_no_harm() {
  System system;
  const std::string longer(20'000, 'x');
  system.with("/proc/self/mountinfo", "\n- - -\n1 2 3\n1 2 0:1 / /" + longer +
                                          " rw - overlay overlay lowerdir=" + longer + "\n" +
                                          "30 23 0:26 / /odd\\040place rw - cgroup2 none rw\n");
  system.with("/proc/self/cgroup", "\n::\n:\n0:\n" + longer + "\n0::/" + longer + "\n0::/g");
  CHECK(system.quota() == 0);
  system.with("/proc/self/cgroup", "0::/g");
  CHECK(system.with("/odd place/g/cpu.max", "200000 100000").quota() == 2);
}

void affinity_counts() {
  const int before = cpus();
  CHECK(before >= 1);
  cpu_set_t all, one;
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  Affinity affinity;
  affinity.read();
  int first = 0;
  while (!CPU_ISSET(first, &all)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(cpus() == 1);
  Affinity narrow;
  narrow.read();
  narrow.become(affinity);
  CHECK(cpus() == before);
}

}  // namespace

int main() {
  no_files_no_limit();
  version_2();
  the_strictest_ancestor_counts();
  version_1();
  a_container_sees_its_group_alone();
  odd_lines_do_no_harm();
  affinity_counts();
  return 0;
}

#else

int main() {
  CHECK(dxdw::cpus() >= 1);
  CHECK(dxdw::quota_in_cpus("") == 0);
  return 0;
}

#endif
