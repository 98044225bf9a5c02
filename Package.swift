// swift-tools-version: 6.2
import PackageDescription

/// Held by every target of ours: what the compiler can check, it checks.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// For modules that never touch a raw pointer: the compiler holds them to it.
let safe: [SwiftSetting] = strict + [.strictMemorySafety()]

/// Faster than the default one, and silent about what Foundation is made of.
let linker: [LinkerSetting] = [.unsafeFlags(["-use-ld=lld"])]

let package = Package(
  name: "tidegate",
  products: [
    .executable(name: "tidegate", targets: ["tidegate"]),
    .executable(name: "tidegate-storm", targets: ["tidegate-storm"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C shims, headers only.
    .target(name: "CUring", linkerSettings: [.linkedLibrary("uring")]),
    .target(name: "CEpoll"),
    .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),

    // AES-GCM by the processor's instructions, which Swift has no words for.
    .target(name: "CAES"),

    // Leaves: no I/O, no clock.
    .target(name: "Basics", swiftSettings: strict),
    .target(name: "Policy", dependencies: ["Basics"], swiftSettings: safe),
    .target(name: "Wire", dependencies: ["Basics"], swiftSettings: safe),
    .target(name: "Telemetry", dependencies: ["Basics"], swiftSettings: strict),
    .target(
      name: "Settings",
      dependencies: ["Basics", "Policy", .product(name: "Yams", package: "Yams")],
      swiftSettings: safe),

    // Leaves over a C library each.
    .target(name: "TLS", dependencies: ["Basics", "CAES", "COpenSSL"], swiftSettings: strict),
    .target(name: "Uring", dependencies: ["Basics", "CUring"], swiftSettings: strict),

    // Where they meet.
    .target(
      name: "Proxy",
      dependencies: ["Basics", "Policy", "Wire", "TLS", "Uring", "Telemetry", "Settings"],
      swiftSettings: strict),
    .target(
      name: "Control",
      dependencies: [
        "Basics", "Policy", "Wire", "TLS", "Telemetry", "Settings", "Proxy",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .target(
      name: "Simulation",
      dependencies: ["Basics", "Policy", "Wire", "Telemetry", "Settings", "Proxy"],
      swiftSettings: strict),

    // What users run.
    .executableTarget(
      name: "tidegate",
      dependencies: [
        "Basics", "Settings", "Telemetry", "Proxy", "Control",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict, linkerSettings: linker),
    .executableTarget(
      name: "tidegate-storm",
      dependencies: [
        "Basics", "CEpoll", "COpenSSL",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict, linkerSettings: linker),

    // One test target per module, file names mirrored.
    .testTarget(name: "BasicsTests", dependencies: ["Basics"], swiftSettings: strict),
    .testTarget(name: "PolicyTests", dependencies: ["Policy", "Basics"], swiftSettings: strict),
    .testTarget(name: "WireTests", dependencies: ["Wire", "Basics"], swiftSettings: strict),
    .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Basics"], swiftSettings: strict),
    .testTarget(name: "SettingsTests", dependencies: ["Settings", "Basics"], swiftSettings: strict),
    .testTarget(name: "CAESTests", dependencies: ["CAES", "Basics", "COpenSSL"], swiftSettings: strict),
    .testTarget(
      name: "TLSTests", dependencies: ["TLS", "Basics", "CAES", "COpenSSL"], swiftSettings: strict),
    .testTarget(name: "UringTests", dependencies: ["Uring", "Basics", "CUring"], swiftSettings: strict),
    .testTarget(
      name: "ProxyTests", dependencies: ["Proxy", "Basics", "Settings", "Telemetry", "Uring"],
      swiftSettings: strict),
    .testTarget(
      name: "ControlTests", dependencies: ["Control", "Basics", "Settings", "Telemetry", "Proxy"],
      swiftSettings: strict),
    .testTarget(
      name: "SimulationTests", dependencies: ["Simulation", "Proxy", "Basics", "Settings", "Telemetry"],
      swiftSettings: strict),
  ]
)
