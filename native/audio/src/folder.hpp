/** Opens files below a given folder and nowhere else: every step is a plain name, and no symbolic link is followed. */
#pragma once
#include <string_view>

namespace driftway {

/** Letters, digits, '.', '_' and '-', not beginning with '.'; at most 128. */
bool is_plain_name(std::string_view name);

/** A descriptor of the folder `path` (names with '/' between them) below `root_fd`, -1 with errno otherwise. */
int open_folder_below(int root_fd, std::string_view path);

/** The same for a file to read. */
int open_file_below(int root_fd, std::string_view path);

}  // namespace driftway
