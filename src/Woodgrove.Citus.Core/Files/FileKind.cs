namespace Woodgrove.Citus.Files;

/// <summary>What stands at a path, links followed: it decides whether it may be replaced, and whether it can be read again.</summary>
internal enum FileKind
{
    Nothing,
    Regular,
    Folder,

    /// <summary>A pipe, a device or a socket: bytes go in or come out, and it is never replaced.</summary>
    Stream,
}
