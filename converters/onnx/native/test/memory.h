// Memory that ends where it should: who reads or writes beyond is found out.

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <new>
#include <vector>

namespace snn {
namespace test {

#if defined(__SANITIZE_ADDRESS__)

// AddressSanitizer watches both ends, but not what is read by an instruction of its own choice.
class Memory {
 public:
  explicit Memory(size_t size) : begin_(static_cast<uint8_t*>(::operator new(size, kAlignment))) {}
  ~Memory() { ::operator delete(begin_, kAlignment); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  uint8_t* begin() const { return begin_; }

 private:
  static constexpr std::align_val_t kAlignment{64};

  uint8_t* begin_;
};

#else

// Behind it lies a page that nobody may touch, with any instruction. Pages are used again.
class Memory {
 public:
  explicit Memory(size_t size)
      : size_((size + kPage - 1) / kPage * kPage),
        pages_(taken(size_)),
        begin_(pages_ + size_ - size) {}
  ~Memory() { spare()[size_].push_back(pages_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  uint8_t* begin() const { return begin_; }

 private:
  static constexpr size_t kPage = 1 << 16;  // the largest of any system

  using Spare = std::map<size_t, std::vector<uint8_t*>>;

  static Spare& spare() {
    static Spare by_size;
    return by_size;
  }

  static uint8_t* taken(size_t size) {
    std::vector<uint8_t*>& fitting = spare()[size];
    if (fitting.empty()) return mapped(size);
    uint8_t* pages = fitting.back();
    fitting.pop_back();
    return pages;
  }

  static uint8_t* mapped(size_t size) {
    void* pages =
        mmap(nullptr, size + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    uint8_t* begin = static_cast<uint8_t*>(pages);
    if (mprotect(begin + size, kPage, PROT_NONE) != 0) throw std::bad_alloc();
    return begin;
  }

  size_t size_;
  uint8_t* pages_;
  uint8_t* begin_;
};

#endif

// An array in such memory. It begins at a multiple of 64 bytes if its size is one, unless `skipped`
// elements are to lie before it.
template <class T>
class Buffer {
 public:
  explicit Buffer(size_t size, int skipped = 0)
      : size_(size),
        skipped_(skipped),
        memory_((size + static_cast<size_t>(skipped)) * sizeof(T)) {}

  Buffer(const Buffer& other) : Buffer(other.size_, other.skipped_) {
    if (size_ > 0) memcpy(data(), other.data(), size_ * sizeof(T));
  }

  Buffer& operator=(const Buffer&) = delete;

  // Forgets what was there, so that nothing looks written that was not.
  void wipe() {
    if (size_ > 0) memset(data(), 0xa5, size_ * sizeof(T));
  }

  T* data() { return reinterpret_cast<T*>(memory_.begin()) + skipped_; }
  const T* data() const { return reinterpret_cast<const T*>(memory_.begin()) + skipped_; }
  size_t size() const { return size_; }
  T& operator[](size_t k) { return data()[k]; }
  const T& operator[](size_t k) const { return data()[k]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }

 private:
  size_t size_;
  int skipped_;
  Memory memory_;
};

}  // namespace test
}  // namespace snn
