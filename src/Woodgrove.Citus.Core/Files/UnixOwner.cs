using System.Runtime.InteropServices;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Files;

/// <summary>
/// Who owns a file, and whether others may change it. .NET has no public way to ask for the owner, so this asks the
/// runtime's own library, which every installation has. Not for Windows, where access control lists say more than a mode.
/// </summary>
internal static partial class UnixOwner
{
    private const int TypeMask = 0xF000, Folder = 0x4000, Regular = 0x8000, Link = 0xA000;

    /// <summary>The effective user of this process.</summary>
    public static uint Me => GetEUid();

    /// <summary>What is at a path, without following a link; null where there is nothing.</summary>
    public static FileState? Find(string path)
    {
        // The library's structure has grown at its end over time.
        var status = new int[64];
        if (LStat(Path.TrimEndingDirectorySeparator(path), status) != 0) return null;
        int type = status[1] & TypeMask;
        return new FileState(unchecked((uint)status[2]), (UnixFileMode)(status[1] & 0xFFF), type == Folder, type == Regular, type == Link);
    }

    /// <summary>Refuses a folder, or one above it, that somebody else than this user and root could change.</summary>
    /// <param name="path">A full path.</param>
    /// <exception cref="CitusException">It is another user's, a link, or open to others.</exception>
    public static void RequirePrivate(string path)
    {
        for (string? folder = Path.GetFullPath(path); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            bool isItself = folder == Path.GetFullPath(path);
            if (Find(folder) is not { } state) continue; // to be created below one that is checked
            if (isItself && state.IsLink) throw FileErrors.UnsafeFolder(path, $"'{folder}' is a symbolic link");
            if (state.IsLink) state = Find(new DirectoryInfo(folder).ResolveLinkTarget(returnFinalTarget: true)!.FullName) ?? state;
            if (state.Owner != Me && (isItself || state.Owner != 0))
                throw FileErrors.UnsafeFolder(path, $"'{folder}' belongs to another user (uid {state.Owner})");
            // In a sticky folder, such as /tmp, others can add entries but not replace this user's.
            // Above the user's own folders, a group of the user's may be let in, as with a umask of 002.
            bool isOpen = isItself || state.Owner != Me ? state.IsOpenToOthers : state.Mode.HasFlag(UnixFileMode.OtherWrite);
            if (isOpen && (isItself || !state.Mode.HasFlag(UnixFileMode.StickyBit)))
                throw FileErrors.UnsafeFolder(path, $"others may write to '{folder}' (mode {Convert.ToString((int)state.Mode, 8)})");
        }
    }

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_LStat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LStat(string path, [Out] int[] status);

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_GetEUid")]
    private static partial uint GetEUid();
}
