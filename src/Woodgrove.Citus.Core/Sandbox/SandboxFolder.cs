using System.Security.Cryptography;
using System.Text;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;

namespace Woodgrove.Citus.Sandbox;

/// <summary>
/// The mark by which a sandbox's folder is known again: a random token in a file of the folder, and in the registry. A folder
/// that the registry names is deleted only where the two are the same and the folder is this user's or the server account's.
/// </summary>
internal static class SandboxFolder
{
    private const string Mark = ".woodgrove-sandbox";

    public static string NewToken() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    public static string MarkOf(string folder) => Path.Combine(folder, Mark);

    /// <summary>True where a folder is proven to be the sandbox of a token.</summary>
    public static bool IsProven(string folder, string token)
    {
        string mark = MarkOf(folder);
        if (!Path.IsPathFullyQualified(folder) || token.Length != 32) return false;
        if (!OperatingSystem.IsWindows() && !(IsOwn(folder, s => s.IsFolder) && IsOwn(mark, s => s.IsRegular))) return false;
        try
        {
            return new FileInfo(mark) is { Exists: true, Length: 32 }
                && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(File.ReadAllText(mark)), Encoding.ASCII.GetBytes(token));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Deletes a folder by the rights of the server account, which owns what is in it, so that no link in it leads
    /// further than those.
    /// </summary>
    public static async Task DeleteAsync(string folder)
    {
        // A server on its way out may still write for a moment.
        for (int attempt = 0; Directory.Exists(folder); attempt++)
        {
            try
            {
                if (OperatingSystem.IsWindows()) Directory.Delete(folder, recursive: true);
                else await ServerAccount.RunAsync("/", "/bin/rm", ["-rf", "--", folder]);
                // The account may not have the right to take the folder itself out of the one above.
                if (Directory.Exists(folder)) Directory.Delete(folder);
            }
            catch (Exception e) when (attempt < 20 && e is IOException or CitusException)
            {
                await Task.Delay(100);
            }
        }
    }

    private static bool IsOwn(string path, Func<FileState, bool> isKind) =>
        UnixOwner.Find(path) is { IsOpenToOthers: false } state && isKind(state)
            && (state.Owner == UnixOwner.Me || state.Owner == ServerAccount.UserId);
}
