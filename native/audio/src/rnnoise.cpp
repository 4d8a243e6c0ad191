/** See rnnoise.hpp. One module for the whole process: its memory holds the states of all streams. */
#include "rnnoise.hpp"

#include "version.hpp"

#if DRIFTWAY_RNNOISE
#include <cstdlib>
#include <cstring>
#include <new>

extern "C" {
#include "rnnoise-module.h"
}

namespace driftway {
namespace {

/** Addresses in the module's own memory. */
using Address = std::uint32_t;

constexpr std::size_t kFrameBytes = kFrame * sizeof(float);
/** The library counts in 16-bit steps. */
constexpr float kScale = 32768.0f;

/** The exports have one letter each, as emscripten shortened them: rnnoise.js of the package says which is which. */
class Module {
 public:
  static Module& instance() {
    static Module module;
    return module;
  }

  Address create() { return checked(Z_rnnoiseZ_f(&module_, 0)); }
  void destroy(Address state) { Z_rnnoiseZ_h(&module_, state); }
  Address allocate(std::size_t bytes) { return checked(Z_rnnoiseZ_g(&module_, static_cast<u32>(bytes))); }
  void release(Address at) { Z_rnnoiseZ_i(&module_, at); }
  float process(Address state, Address frame) { return Z_rnnoiseZ_j(&module_, state, frame, frame); }
  void* at(Address address) { return Z_rnnoiseZ_c(&module_)->data + address; }

 private:
  Module() {
    wasm_rt_init();
    Z_rnnoise_init_module();
    Z_rnnoise_instantiate(&module_, reinterpret_cast<Z_a_instance_t*>(&module_));
    Z_rnnoiseZ_d(&module_);
  }
  static Address checked(Address address) {
    if (address == 0) throw std::bad_alloc();
    return address;
  }

  Z_rnnoise_instance_t module_{};
};

}  // namespace

struct Rnnoise::State {
  Address denoiser = Module::instance().create();
  Address frame = Module::instance().allocate(kFrameBytes);
  ~State() {
    Module::instance().release(frame);
    Module::instance().destroy(denoiser);
  }
};

bool Rnnoise::is_available() { return true; }

Rnnoise::Rnnoise() : state_(std::make_unique<State>()) {}

float Rnnoise::process(Samples frame) {
  auto& module = Module::instance();
  for (float& sample : frame) sample *= kScale;
  std::memcpy(module.at(state_->frame), frame.data(), kFrameBytes);
  const float voice = module.process(state_->denoiser, state_->frame);
  std::memcpy(frame.data(), module.at(state_->frame), kFrameBytes);
  for (float& sample : frame) sample /= kScale;
  return voice;
}

}  // namespace driftway

/** What the module asks of its host: to grow, which 16 MB make needless (about 60 streams), and to copy within its memory. */
extern "C" u32 Z_aZ_a(Z_a_instance_t*, u32) { return 0; }

extern "C" void Z_aZ_b(Z_a_instance_t* host, u32 to, u32 from, u32 bytes) {
  wasm_rt_memory_t* memory = Z_rnnoiseZ_c(reinterpret_cast<Z_rnnoise_instance_t*>(host));
  if (std::uint64_t{to} + bytes > memory->size || std::uint64_t{from} + bytes > memory->size) std::abort();
  std::memmove(memory->data + to, memory->data + from, bytes);
}

#else

namespace driftway {

struct Rnnoise::State {};

bool Rnnoise::is_available() { return false; }

Rnnoise::Rnnoise() = default;

float Rnnoise::process(Samples) { return 0.0f; }

}  // namespace driftway

#endif

namespace driftway {

Rnnoise::~Rnnoise() = default;

}  // namespace driftway
