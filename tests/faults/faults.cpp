// SPDX-License-Identifier: Apache-2.0
// Readers and writers when the n-th allocation or the n-th system call fails, for every n: an
// exception, no leak, the old file or the new one, and the next attempt succeeds.
#include <eqsr/io/image.hpp>
#include <eqsr/io/weights/pth.hpp>

#include <dirent.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <iostream>

#include "../io/builder.hpp"
#include "../support/allocation.hpp"
#include "../support/io_faults.hpp"

namespace {

using namespace eqsr_test;
namespace p = eqsr_test::pickle;

int problems = 0;

void complain(const std::string& what, const std::string& how) {
  ++problems;
  std::cout << what << ": " << how << "\n";
}

std::ptrdiff_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

struct Work {
  std::string name;
  std::function<void()> run;
  std::function<void(bool done)> check = [](bool) {};  // outside of the faults
};

/// Runs the work again and again; `arm(n)` makes its n-th step fail and `hit()` says whether it
/// did.
template <class Arm, class Hit>
void every_step(const Work& work, const std::string& kind, Arm&& arm, Hit&& hit) {
  work.run();  // what is made once and kept is made now
  work.check(true);
  const std::size_t heap = heap_now();
  const auto descriptors = open_descriptors();
  std::size_t n = 1;
  for (;; ++n) {
    bool done = false;
    arm(n);
    try {
      work.run();
      done = true;
    } catch (const std::bad_alloc&) {
    } catch (const eqsr::Error& error) {
      const std::string code = error.code();
      if (code.empty()) complain(work.name, "an error without a code");
    } catch (const std::exception& error) {
      complain(work.name, kind + " " + std::to_string(n) + ": " + error.what());
    }
    const bool failed = hit();
    arm(0);
    work.check(done);
    // Signed: what the C library allocates and we free (realpath) is only counted when it goes.
    if (static_cast<std::ptrdiff_t>(heap_now() - heap) > 512)
      complain(work.name, kind + " " + std::to_string(n) + ": " +
                              std::to_string(heap_now() - heap) + " bytes leak");
    if (open_descriptors() != descriptors)
      complain(work.name, kind + " " + std::to_string(n) + ": a descriptor leaks");
    if (!failed) break;
  }
  std::cout << work.name << ": " << n - 1 << " times " << kind << "\n";
  work.run();
}

std::vector<Work> all_work(const TemporaryFolder& folder) {
  std::vector<Work> work;
  const std::string two = floats({1.5F, -2.0F});
  const std::string object =
      p::whole(p::dict(p::text("w") + p::tensor(p::storage("0", 2), 0, {2}, {1})));
  const std::pair<const char*, std::string> weights[] = {
      {"safetensors",
       safetensors(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", two)},
      {"archive", pth_zip(object, {{"0", two}}).bytes},
      {"older stream", pth_stream(object, {{"0", two}})}};
  for (const auto& [name, bytes] : weights) {
    const std::string path = folder.write(name, bytes);
    work.push_back({name, [path] {
                      if (eqsr::StateDict::open(path).at("w").to_float()[1] != -2.0F)
                        throw std::logic_error("loads something else");
                    }});
  }
  const std::string bad = folder.write("bad", weights[0].second + "x");
  work.push_back({"bad weights", [bad] {
                    try {
                      (void)eqsr::StateDict::open(bad);
                      throw std::logic_error("loads");
                    } catch (const eqsr::Error&) {
                    }
                  }});

  eqsr::Image image = eqsr::blank_image(9, 17, 4);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<float>(i * 37 % 256) / 255.0F;
  eqsr::Image rgb = eqsr::blank_image(9, 17);
  std::copy_n(image.pixels.begin(), rgb.pixels.size(), rgb.pixels.begin());
  eqsr::ImageMetadata metadata{std::string(200, 'p'), "MM\0*"};
  metadata.icc_profile.replace(16, 4, "RGB ").replace(36, 4, "acsp");
  metadata.icc_profile.replace(0, 4, std::string("\0\0\0\xC8", 4));
  const std::pair<const char*, std::string> pictures[] = {
      {"PNG", eqsr::encode_image(".png", image, {.metadata = metadata})},
      {"deep PNG", eqsr::encode_image(".png", image, {.bits = 16})},
      {"JPEG", eqsr::encode_image(".jpg", rgb, {.metadata = metadata})}};
  for (const auto& [name, bytes] : pictures) {
    const std::string path = folder.write(name, bytes);
    work.push_back({name, [path] {
                      if (eqsr::read_picture(path).image.height != 9)
                        throw std::logic_error("reads something else");
                    }});
  }

  const auto old_or_new = [](const std::string& path) {
    return [path, last = std::string()](bool done) mutable {
      const std::string now = read_file(path);
      if (done) last = now;
      if (now != "old" && now != last) complain(path, "is neither old nor new");
      if (done && now == "old") complain(path, "was not written");
      for (const auto& entry :
           std::filesystem::directory_iterator(std::filesystem::path(path).parent_path()))
        if (entry.path().string().find("eqsr-tmp") != std::string::npos)
          complain(path, "leaves " + entry.path().string());
      std::ofstream(path) << "old";
    };
  };
  eqsr::StateDict dict;
  dict.insert("w", {1000}, std::vector<float>(1000, 0.5F));
  const std::string written = folder.path("written.safetensors");
  work.push_back(
      {"writing weights", [=] { eqsr::write_safetensors(written, dict); }, old_or_new(written)});
  for (const char* name : {"written.png", "written.jpg", "written.pfm"}) {
    const std::string path = folder.path(name);
    work.push_back(
        {name, [=] { eqsr::write_image(path, rgb, {.metadata = metadata}); }, old_or_new(path)});
  }
  const std::string fresh = folder.path("fresh");
  work.push_back({"writing where nothing is",
                  [=] {
                    std::filesystem::remove(fresh);
                    eqsr::OutputFile file(fresh, eqsr::Existing::keep);
                    file.write("new", 3);
                    file.commit();
                  },
                  [=](bool done) {
                    std::size_t files = 0;
                    for (const auto& entry : std::filesystem::directory_iterator(
                             std::filesystem::path(fresh).parent_path()))
                      files += entry.path().filename().string().starts_with("fresh") ? 1 : 0;
                    if (files != (done ? 1U : 0U)) complain(fresh, "is there though it failed");
                    std::filesystem::remove(fresh);
                  }});
  return work;
}

}  // namespace

int main() {
  const TemporaryFolder folder;
  for (const Work& work : all_work(folder)) {
    for (const bool sticky : {false, true})
      every_step(
          work, sticky ? "no memory from there" : "no memory once",
          [&](std::size_t n) { fail_allocation(n, sticky); }, allocation_failed);
    for (const int error : {EIO, ENOSPC, EINTR, 0})
      every_step(
          work, error != 0 ? "error " + std::to_string(error) : std::string("half a transfer"),
          [&](std::size_t n) { fail_call(n, error); }, call_failed);
  }
  std::cout << (problems == 0 ? "every fault was met with an exception\n" : "there are problems\n");
  return problems == 0 ? 0 : 1;
}
