using System.Runtime.InteropServices;

namespace Woodgrove.Citus.Files;

/// <summary>
/// What the system says of a path, links followed. .NET tells neither pipes and devices from files, nor which file it
/// is.
/// </summary>
/// <param name="Identity">The same for all names of one file; null where the system does not say.</param>
internal readonly record struct FileEntry(FileKind Kind, (ulong Device, ulong File)? Identity)
{
    private const int Format = 0xF000, Regular = 0x8000, Folder = 0x4000; // of st_mode
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint TypeAndNumber = 0x101; // STATX_TYPE | STATX_INO

    public static FileEntry Of(string path)
    {
        path = Path.GetFullPath(path);
        if (OperatingSystem.IsLinux())
        {
            // struct statx is the same on every architecture: stx_mode at 28, stx_ino at 32, the device's numbers at 136.
            var data = new byte[256];
            if (StatX(CurrentFolder, path, 0, TypeAndNumber, data) != 0) return default;
            return new(KindOf(BitConverter.ToUInt16(data, 28)), (BitConverter.ToUInt64(data, 136), BitConverter.ToUInt64(data, 32)));
        }
        if (OperatingSystem.IsMacOS())
        {
            // struct stat with 64-bit inodes: st_dev at 0, st_mode at 4, st_ino at 8.
            var data = new byte[256];
            if ((RuntimeInformation.ProcessArchitecture == Architecture.X64 ? StatInode64(path, data) : Stat(path, data)) != 0)
                return default;
            return new(KindOf(BitConverter.ToUInt16(data, 4)), (BitConverter.ToUInt32(data, 0), BitConverter.ToUInt64(data, 8)));
        }
        // Windows: NUL, CON and named pipes become \\.\ paths.
        if (path.StartsWith(@"\\.\", StringComparison.Ordinal)) return new(FileKind.Stream, null);
        return new(File.Exists(path) ? FileKind.Regular : Directory.Exists(path) ? FileKind.Folder : FileKind.Nothing, null);
    }

    /// <summary>Whether two paths lead to one file: by another spelling, or by a symbolic or hard link.</summary>
    public static bool IsSame(string one, string other)
    {
        (FileEntry first, FileEntry second) = (Of(one), Of(other));
        if (first.Identity is { } identity && second.Identity is { } same) return identity == same;
        return string.Equals(Final(one), Final(other),
            OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The full path of what a link leads to, or of the path itself.</summary>
    public static string Final(string path) =>
        Path.GetFullPath(new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName);

    /// <param name="mode">As stat gives it.</param>
    internal static FileKind KindOf(int mode) => (mode & Format) switch
    {
        Regular => FileKind.Regular,
        Folder => FileKind.Folder,
        _ => FileKind.Stream,
    };

    [DllImport("libc", EntryPoint = "statx")]
    private static extern int StatX(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, [Out] byte[] data);

    [DllImport("libc", EntryPoint = "stat")]
    private static extern int Stat([MarshalAs(UnmanagedType.LPUTF8Str)] string path, [Out] byte[] data);

    [DllImport("libc", EntryPoint = "stat$INODE64")]
    private static extern int StatInode64([MarshalAs(UnmanagedType.LPUTF8Str)] string path, [Out] byte[] data);
}
