using StreamObserve.Hosting;

namespace StreamObserve.Run;

/// <summary>The roles of this executable.</summary>
internal static class RoleModules
{
    /// <summary>A module for each role of the settings, in any order.</summary>
    public static IReadOnlyList<IRoleModule> For(NodeSettings settings) => [];
}
