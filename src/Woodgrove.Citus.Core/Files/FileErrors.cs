using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Files;

/// <summary>Errors of files that are written or looked for.</summary>
internal static class FileErrors
{
    public static CitusException IsFolder(string path) =>
        new("CitusFileExists", CitusErrorKind.ResourceExists, $"'{path}' is a folder.", "Name a file in it.")
            { Target = path };

    public static CitusException ReadOnly(string path) =>
        new("CitusFileDenied", CitusErrorKind.PermissionDenied, $"'{path}' is read-only.",
            "Make it writable (Export-CitusToCsv -Force replaces a read-only file), or name another.") { Target = path };

    /// <summary>A symbolic link in a folder that all may write to, such as /tmp.</summary>
    public static CitusException LinkOfOther(string path) =>
        new("CitusFileDenied", CitusErrorKind.PermissionDenied,
            $"'{path}' is a symbolic link that another user made in a folder that all may write to, and it is not followed.",
            "Name a file in a folder of your own.") { Target = path };

    public static CitusException Exists(string path) =>
        new("CitusFileExists", CitusErrorKind.ResourceExists, $"'{path}' exists.",
            "Name another file, or leave -NoClobber out to replace it.") { Target = path };

    public static CitusException UnsafeFolder(string path, string why) =>
        new("CitusUnsafeFolder", CitusErrorKind.PermissionDenied,
            $"The folder '{path}' is not used, because {why}: what it says would decide what this user runs and deletes.",
            $"See who made it, remove it or correct its owner and mode (chmod 700), or set $env:XDG_STATE_HOME to a folder of your own.")
                { Target = path };
}
