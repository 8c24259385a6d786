# SPDX-License-Identifier: Apache-2.0
# conan create cmake/packaging/conan --build=missing
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, load, rmdir
from conan.tools.gnu import PkgConfig

ROOT = os.path.join("..", "..", "..")


class Eqsr(ConanFile):
    name = "eqsr"
    description = "Arbitrary-scale super-resolution with the EQSR transformer"
    license = "Apache-2.0"
    topics = ("super-resolution", "image", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"system_dependencies": [True, False]}
    default_options = {"system_dependencies": False}
    no_copy_source = True

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, ROOT, "include/eqsr/core/version.hpp"))
        self.version = ".".join(re.search(rf"EQSR_VERSION_{part} (\d+)", header)[1]
                                for part in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        root = os.path.join(self.recipe_folder, ROOT)
        for pattern in ("CMakeLists.txt", "LICENSE", "include/*", "weights/*.safetensors"):
            copy(self, pattern, root, self.export_sources_folder)
        copy(self, "*", os.path.join(root, "cmake"), os.path.join(self.export_sources_folder, "cmake"),
             excludes="packaging/*")

    def requirements(self):
        if not self.options.system_dependencies:  # else Eigen and stb are where CMake finds them
            self.requires("eigen/3.4.0", transitive_headers=True)
            self.requires("stb/cci.20230920", transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for option in ("TESTS", "EXAMPLES", "BENCHMARKS"):
            toolchain.cache_variables[f"EQSR_BUILD_{option}"] = "OFF"
        toolchain.cache_variables["EQSR_CUDA"] = "OFF"
        toolchain.cache_variables["EQSR_INSTALL"] = "ON"
        toolchain.generate()
        if not self.options.system_dependencies:
            CMakeDeps(self).generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "share", "cmake"))  # Conan writes its own
        rmdir(self, os.path.join(self.package_folder, "share", "pkgconfig"))

    def package_info(self):
        core = self.cpp_info.components["eqsr"]
        core.set_property("cmake_target_name", "eqsr::eqsr")
        core.set_property("pkg_config_name", "eqsr")
        pictures = self.cpp_info.components["io"]
        pictures.set_property("cmake_target_name", "eqsr::io")
        pictures.requires = ["eqsr"]
        if self.options.system_dependencies:
            PkgConfig(self, "eigen3").fill_cpp_info(core, is_system=True)
        else:
            core.requires = ["eigen::eigen"]
            pictures.requires = ["eqsr", "stb::stb"]
        core.system_libs = ["pthread"]
        for component in (core, pictures):
            component.bindirs = []
            component.libdirs = []
