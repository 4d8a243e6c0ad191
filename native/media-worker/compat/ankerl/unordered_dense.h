/**
 * `ankerl::unordered_dense` as far as mediasoup's worker uses it, for systems whose packages do not carry it: maps and sets whose
 * elements lie in one vector, found through a table of buckets (open addressing, Robin Hood order, removal by shifting back). Written
 * for Driftway from the published idea. Same promises as the original: inserting and erasing move elements, erasing puts the last
 * element into the gap and returns the same place, and the key of an element must not be changed.
 */
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace ankerl::unordered_dense
{
	/** Spreads the bits of a weak hash (that of numbers and pointers is the value itself) over all 64. */
	inline uint64_t mix(uint64_t value) noexcept
	{
		const auto product = static_cast<unsigned __int128>(value) * 0x9E3779B97F4A7C15ULL;

		return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
	}

	template<typename T>
	struct hash
	{
		uint64_t operator()(const T& value) const noexcept
		{
			return mix(std::hash<T>{}(value));
		}
	};

	namespace detail
	{
		/** The table under both; `Mapped` is void for a set. */
		template<typename Key, typename Mapped, typename Hash, typename Equal>
		class table
		{
			static constexpr bool IsMap{ !std::is_void_v<Mapped> };

			template<typename M>
			struct element
			{
				using type = std::pair<Key, M>;
			};

		public:
			using key_type       = Key;
			using value_type     = typename std::conditional_t<IsMap, element<Mapped>, std::type_identity<Key>>::type;
			using mapped_type    = Mapped;
			using values_type    = std::vector<value_type>;
			using size_type      = size_t;
			using const_iterator = typename values_type::const_iterator;
			using iterator = std::conditional_t<IsMap, typename values_type::iterator, const_iterator>;

			table() = default;
			table(std::initializer_list<value_type> list)
			{
				reserve(list.size());

				for (const auto& value : list)
				{
					insert(value);
				}
			}

			iterator begin() noexcept
			{
				return this->values.begin();
			}
			iterator end() noexcept
			{
				return this->values.end();
			}
			const_iterator begin() const noexcept
			{
				return this->values.begin();
			}
			const_iterator end() const noexcept
			{
				return this->values.end();
			}
			const_iterator cbegin() const noexcept
			{
				return this->values.begin();
			}
			const_iterator cend() const noexcept
			{
				return this->values.end();
			}
			bool empty() const noexcept
			{
				return this->values.empty();
			}
			size_t size() const noexcept
			{
				return this->values.size();
			}

			void clear() noexcept
			{
				this->values.clear();
				std::fill(this->buckets.begin(), this->buckets.end(), Bucket{});
			}

			void reserve(size_t count)
			{
				this->values.reserve(count);

				size_t wanted = std::max(this->buckets.size(), BucketsMin);

				while (maxValues(wanted) < count)
				{
					wanted *= 2;
				}

				if (wanted != this->buckets.size())
				{
					rehash(wanted);
				}
			}

			iterator find(const Key& key)
			{
				return this->values.begin() + indexOf(key);
			}
			const_iterator find(const Key& key) const
			{
				return this->values.begin() + indexOf(key);
			}
			bool contains(const Key& key) const
			{
				return find(key) != end();
			}
			size_t count(const Key& key) const
			{
				return contains(key) ? 1 : 0;
			}

			template<typename M = Mapped>
			M& at(const Key& key)
			{
				const auto it = find(key);

				if (it == end())
				{
					throw std::out_of_range("ankerl::unordered_dense: no such key");
				}

				return it->second;
			}
			template<typename M = Mapped>
			const M& at(const Key& key) const
			{
				return const_cast<table*>(this)->at(key);
			}
			template<typename M = Mapped>
			M& operator[](const Key& key)
			{
				return try_emplace(key).first->second;
			}

			std::pair<iterator, bool> insert(const value_type& value)
			{
				return emplace(value);
			}
			std::pair<iterator, bool> insert(value_type&& value)
			{
				return emplace(std::move(value));
			}

			template<typename... Args>
			std::pair<iterator, bool> emplace(Args&&... args)
			{
				// The key is known only once the element is made.
				this->values.emplace_back(std::forward<Args>(args)...);

				return keepLast();
			}

			template<typename... Args>
			std::pair<iterator, bool> try_emplace(const Key& key, Args&&... args)
			{
				const auto it = find(key);

				if (it != end())
				{
					return { it, false };
				}

				this->values.emplace_back(
				  std::piecewise_construct,
				  std::forward_as_tuple(key),
				  std::forward_as_tuple(std::forward<Args>(args)...));

				return keepLast();
			}

			size_t erase(const Key& key)
			{
				const auto it = find(key);

				if (it == end())
				{
					return 0;
				}

				eraseAt(static_cast<size_t>(it - begin()));

				return 1;
			}
			iterator erase(iterator it)
			{
				const auto index = static_cast<size_t>(it - begin());

				eraseAt(index);

				return begin() + static_cast<std::ptrdiff_t>(index);
			}

		private:
			/** `distance` holds the distance from the wanted bucket plus one, above 8 bits of the hash; 0 is empty. */
			struct Bucket
			{
				uint32_t distance{ 0 };
				uint32_t index{ 0 };
			};

			static constexpr size_t BucketsMin{ 4 };
			static constexpr uint32_t DistanceStep{ 1U << 8 };

			static const Key& keyOf(const value_type& value) noexcept
			{
				if constexpr (IsMap)
				{
					return value.first;
				}
				else
				{
					return value;
				}
			}

			/** At most 4 of 5 buckets are taken. */
			static size_t maxValues(size_t buckets) noexcept
			{
				return buckets / 5 * 4 + buckets % 5 * 4 / 5;
			}

			uint64_t hashOf(const Key& key) const
			{
				if constexpr (std::is_same_v<Hash, hash<Key>>)
				{
					return Hash{}(key);
				}
				else
				{
					return mix(Hash{}(key));
				}
			}
			size_t firstBucket(uint64_t hash) const noexcept
			{
				// From the upper bits; the lowest 8 are in `distance`.
				return (hash >> 8) & (this->buckets.size() - 1);
			}
			size_t next(size_t bucket) const noexcept
			{
				return (bucket + 1) & (this->buckets.size() - 1);
			}
			static uint32_t firstDistance(uint64_t hash) noexcept
			{
				return DistanceStep | static_cast<uint32_t>(hash & 0xFF);
			}

			/** The place of a key in `values`, or their number. */
			std::ptrdiff_t indexOf(const Key& key) const
			{
				if (this->values.empty())
				{
					return 0;
				}

				const auto hash = hashOf(key);
				auto distance   = firstDistance(hash);
				auto bucket     = firstBucket(hash);

				for (;;)
				{
					const auto& at = this->buckets[bucket];

					if (at.distance == distance && Equal{}(key, keyOf(this->values[at.index])))
					{
						return static_cast<std::ptrdiff_t>(at.index);
					}
					if (distance > at.distance)
					{
						return static_cast<std::ptrdiff_t>(this->values.size());
					}

					distance += DistanceStep;
					bucket = next(bucket);
				}
			}

			/** Enters the element just added to `values`, or drops it when its key is there already. */
			std::pair<iterator, bool> keepLast()
			{
				const auto last  = this->values.size() - 1;
				const auto there = findAmong(last);

				if (there != last)
				{
					this->values.pop_back();
				}
				else if (this->values.size() > maxValues(this->buckets.size()))
				{
					rehash(std::max(this->buckets.size() * 2, BucketsMin));
				}
				else
				{
					enter(last);
				}

				return { begin() + static_cast<std::ptrdiff_t>(there), there == last };
			}

			/** The place of the key of `values[last]` among those entered, or `last`. */
			size_t findAmong(size_t last) const
			{
				if (last == 0)
				{
					return last;
				}

				return std::min(last, static_cast<size_t>(indexOf(keyOf(this->values[last]))));
			}

			/** Puts `values[index]`, whose key is in no bucket, into its bucket. */
			void enter(size_t index)
			{
				const auto hash = hashOf(keyOf(this->values[index]));
				Bucket moving{ firstDistance(hash), static_cast<uint32_t>(index) };
				auto bucket = firstBucket(hash);

				while (moving.distance <= this->buckets[bucket].distance)
				{
					moving.distance += DistanceStep;
					bucket = next(bucket);
				}
				// Whoever is richer moves on by one.
				while (this->buckets[bucket].distance != 0)
				{
					std::swap(moving, this->buckets[bucket]);
					moving.distance += DistanceStep;
					bucket = next(bucket);
				}

				this->buckets[bucket] = moving;
			}

			void rehash(size_t count)
			{
				this->buckets.assign(count, Bucket{});

				for (size_t index = 0; index < this->values.size(); ++index)
				{
					enter(index);
				}
			}

			/** The bucket that holds the place `index`, whose key is still in `values[index]`. */
			size_t bucketOf(size_t index) const
			{
				auto bucket = firstBucket(hashOf(keyOf(this->values[index])));

				while (this->buckets[bucket].distance == 0 || this->buckets[bucket].index != index)
				{
					bucket = next(bucket);
				}

				return bucket;
			}

			void eraseAt(size_t index)
			{
				auto bucket = bucketOf(index);

				for (auto after = next(bucket); this->buckets[after].distance >= 2 * DistanceStep;
				     after      = next(after))
				{
					this->buckets[bucket] = { this->buckets[after].distance - DistanceStep,
						                        this->buckets[after].index };
					bucket                = after;
				}

				this->buckets[bucket] = Bucket{};

				const auto last = this->values.size() - 1;

				if (index != last)
				{
					const auto lastBucket = bucketOf(last);

					this->values[index]             = std::move(this->values[last]);
					this->buckets[lastBucket].index = static_cast<uint32_t>(index);
				}

				this->values.pop_back();
			}

			values_type values;
			std::vector<Bucket> buckets;
		};
	} // namespace detail

	template<typename Key, typename Mapped, typename Hash = hash<Key>, typename Equal = std::equal_to<Key>>
	using map = detail::table<Key, Mapped, Hash, Equal>;

	template<typename Key, typename Hash = hash<Key>, typename Equal = std::equal_to<Key>>
	using set = detail::table<Key, void, Hash, Equal>;
} // namespace ankerl::unordered_dense
